// Pages have addresses of the form #/overview?window=60, which can be shared; nothing secret is ever part of one.

/** The address of a page with these parameters; null and undefined leave one out. */
export function href(page, params = {}) {
  const kept = Object.entries(params).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const query = new URLSearchParams(kept);
  return `#/${page}${query.size ? `?${query}` : ""}`;
}

/** The page and the parameters that the address names now. */
export function current() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  return { page: path, params: Object.fromEntries(new URLSearchParams(query)) };
}

export function go(page, params) {
  location.hash = href(page, params);
}
