// A model's card: what its author says of it.

import { get } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { nothing, problem } from "../lib/parts.js";
import { askUntilItIsThere } from "../lib/poll.js";
import { href } from "../lib/router.js";

export function authorsCard({ card: name, version, ...others }, signal) {
  const text = h("article", { class: "card prose" }, nothing("Loading …"));
  const path = `/models/${encodeURIComponent(name)}/${encodeURIComponent(version ?? "")}/card`;
  askUntilItIsThere(signal, async () => {
    const [{ text: written }, { markdown }] = await Promise.all([get(path, { signal }), import("../lib/markdown.js")]);
    fill(text, written.trim() ? markdown(written, `the card of ${name} ${version}`) : nothing("The card is empty."));
  }, (error) => fill(text, problem(error)));
  return [
    h("div", { class: "controls" }, h("a", { href: href("models", others) }, "Back to the models"),
      h("a", { href: href("playground", { model: name, version }) }, `Try ${name} ${version}`)),
    text,
  ];
}
