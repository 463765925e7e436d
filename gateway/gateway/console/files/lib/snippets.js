// The same call in other words: curl, Python, JavaScript.

import { h, say } from "./dom.js";

/** A list of [name, code] for one POST of JSON to `url`. */
export function snippets(url, body) {
  const json = JSON.stringify(body);
  return [
    ["curl", `curl -s ${shell(url)} -H 'Content-Type: application/json' \\\n  -d ${shell(json)}`],
    ["Python", `import json\nimport urllib.request\n\nrequest = urllib.request.Request(\n    ${python(url)},\n    data=json.dumps(${python(body)}).encode(),\n    headers={"Content-Type": "application/json"},\n)\nwith urllib.request.urlopen(request) as response:\n    print(json.load(response))`],
    ["JavaScript", `const response = await fetch(${JSON.stringify(url)}, {\n  method: "POST",\n  headers: { "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(body, null, 2).replaceAll("\n", "\n  ")}),\n});\nconsole.log(await response.json());`],
  ];
}

function shell(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A value as a Python literal; JSON's strings are Python's. */
function python(value) {
  if (value === null) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") return `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${python(one)}`).join(", ")}}`;
  return JSON.stringify(value);
}

/** Code with a button that copies it. */
export function copyable(name, code) {
  const button = h("button", { type: "button", class: "quiet" }, "Copy");
  const text = h("pre", { tabindex: 0, "aria-label": name }, code);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(code);
      say(button, "Copied");
    } catch {
      getSelection().selectAllChildren(text); // without HTTPS there is no clipboard: one key is left to press
      say(button, "Selected: press Ctrl-C");
    }
  });
  return h("div", { class: "snippet" }, h("h3", {}, name), button, text);
}
