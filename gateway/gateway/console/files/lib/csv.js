// CSV as RFC 4180 has it.

/** The rows of a text, each a list of cells. */
export function readCsv(text) {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(cell); cell = ""; }
    else if (sign === "\n") { row.push(cell); rows.push(row); [row, cell] = [[], ""]; }
    else if (sign !== "\r") cell += sign;
  }
  if (cell !== "" || row.length) rows.push([...row, cell]);
  return rows;
}
