// Elements from data. Text only ever becomes text: there is no way to hand over markup.

const SVG = "http://www.w3.org/2000/svg";
const SVG_TAGS = new Set(["svg", "path", "line", "circle", "rect", "text", "g", "title"]);

/**
 * An element. `attributes`: values as attributes, functions by `on…` as listeners; null, undefined and false: left out.
 * `children`: nodes, and anything else as its text; arrays are taken apart, null, undefined and false left out.
 */
export function h(tag, attributes = {}, ...children) {
  const node = SVG_TAGS.has(tag) && tag !== "title" ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...nodes(children));
  return node;
}

/** What `h` takes for children, as nodes. */
export function nodes(children) {
  return children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

/** Puts these children in the place of what an element has. */
export function fill(node, ...children) {
  node.shownData = undefined;
  node.replaceChildren(...nodes(children));
  return node;
}

/** Sets a node's text, and touches nothing when it is that already. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
  return node;
}

/** Fills `node` anew only when `data` differs from that of the last time: what stays the same does not flicker. */
export function fillWhenChanged(node, data, make) {
  const now = JSON.stringify(data);
  if (node.shownData === now) return;
  fill(node, make(data));
  node.shownData = now;
}
