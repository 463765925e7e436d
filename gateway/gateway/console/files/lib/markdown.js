// Markdown as elements: its text stays text, also what looks like markup in it, and nothing is loaded from anywhere.

import { lexer } from "../vendor/marked.esm.js";
import { h } from "./dom.js";

const HIGHEST_HEADING = 2;
const LOWEST_HEADING = 6;
const SAFE_LINK = /^(?:https?|mailto):/i;
const ENTITIES = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: "\u00a0" };

/** The elements of a text in Markdown (GitHub's), headings from h2 on. `name`: what it is, for screen readers. */
export function markdown(text, name) {
  return new Elements(name).blocks(lexer(text));
}

class Elements {
  constructor(name) {
    this.name = name;
    this.level = HIGHEST_HEADING - 1;
    this.tables = 0;
  }

  blocks(tokens) {
    return tokens.map((token) => this.block(token));
  }

  block(token) {
    switch (token.type) {
      case "heading": return h(this.heading(token.depth), {}, this.inline(token.tokens));
      case "paragraph": return h("p", {}, this.inline(token.tokens));
      case "code": return h("pre", { tabindex: 0, role: "region", "aria-label": `Code in ${this.name}` }, h("code", {}, token.text));
      case "blockquote": return h("blockquote", {}, this.blocks(token.tokens));
      case "list": return h(token.ordered ? "ol" : "ul", { start: token.ordered && token.start !== 1 ? token.start : null }, token.items.map((item) => h("li", {}, this.blocks(item.tokens))));
      case "table": return this.table(token);
      case "hr": return h("hr");
      case "html": return h("p", {}, token.text);
      case "space": case "def": return null;
      default: return this.inline([token]);
    }
  }

  /** Levels are not skipped, whatever the text does. */
  heading(depth) {
    this.level = Math.min(depth - 1 + HIGHEST_HEADING, this.level + 1, LOWEST_HEADING);
    return `h${this.level}`;
  }

  table({ header, rows, align }) {
    this.tables += 1;
    const row = (tag, cells) => h("tr", {}, cells.map((cell, column) =>
      h(cell.text ? tag : "td", { class: align[column] === "right" && "right", scope: tag === "th" && cell.text ? "col" : null }, this.inline(cell.tokens))));
    return h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Table ${this.tables} in ${this.name}` },
      h("table", {}, header.some((cell) => cell.text) && h("thead", {}, row("th", header)), h("tbody", {}, rows.map((cells) => row("td", cells)))));
  }

  inline(tokens) {
    return tokens.map((token) => {
      switch (token.type) {
        case "strong": return h("strong", {}, this.inline(token.tokens));
        case "em": return h("em", {}, this.inline(token.tokens));
        case "del": return h("s", {}, this.inline(token.tokens));
        case "codespan": return h("code", {}, token.text);
        case "br": return h("br");
        case "checkbox": return token.checked ? "☑ " : "☐ ";
        case "link": return this.link(decoded(token.href), token);
        case "image": return token.text;
        case "html": return token.text;
        default: return token.tokens ? this.inline(token.tokens) : decoded(token.text ?? "");
      }
    });
  }

  /** Links of the author's folder lead nowhere here. A new tab: the admin token is in the memory of this one. */
  link(target, { tokens }) {
    return SAFE_LINK.test(target) ? h("a", { href: target, target: "_blank", rel: "noreferrer" }, this.inline(tokens)) : this.inline(tokens);
  }
}

function decoded(text) {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(\w+));/gi, (all, decimal, hex, name) => {
    const code = decimal ? Number(decimal) : hex ? parseInt(hex, 16) : null;
    return code === null ? ENTITIES[name] ?? all : code <= 0x10ffff ? String.fromCodePoint(code) : all;
  });
}
