// CSV as RFC 4180 has it, and what spreadsheets hand over instead.

const DECIMAL_COMMA = /^\s*[+-]?\d+,\d+\s*$/;

/** The rows of a text, each a list of cells. */
export function readCsv(text, separator = ",") {
  const rows = [];
  let row = [], cell = "", quoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') cell += text[(at += 1)];
      else quoted = false;
    } else if (sign === '"' && cell === "") quoted = true;
    else if (sign === separator) { row.push(cell); cell = ""; }
    else if (sign === "\n") { row.push(cell); rows.push(row); [row, cell] = [[], ""]; }
    else if (sign !== "\r") cell += sign;
  }
  if (cell !== "" || row.length) rows.push([...row, cell]);
  return rows;
}

/** With commas between cells, where the header has tabs or semicolons; beside semicolons a decimal comma of the columns `numbers` is a point. */
export function withCommas(text, numbers) {
  const header = text.slice(0, Math.max(text.search(/\r?\n|$/), 0));
  const separator = header.includes(",") ? "," : ["\t", ";"].find((sign) => header.includes(sign));
  if (separator === undefined || separator === ",") return text;
  const [heads, ...rows] = readCsv(text, separator);
  const cell = (value, column) => (separator === ";" && numbers.has(heads[column]) && DECIMAL_COMMA.test(value) ? value.replace(",", ".") : value);
  return [heads, ...rows.filter((row) => row.length > 1 || row[0] !== "").map((row) => row.map(cell))].map((row) => row.map(written).join(",")).join("\n");
}

export function written(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
