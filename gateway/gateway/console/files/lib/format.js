// Numbers with units, times with zones.

const NOTHING = "–";
const plain = new Map();

function number(value, digits) {
  if (!plain.has(digits)) plain.set(digits, new Intl.NumberFormat("en", { maximumFractionDigits: digits }));
  return plain.get(digits).format(value);
}

/** Three significant digits, or all of them before the point. */
export function short(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return NOTHING;
  const size = Math.abs(value);
  if (size >= 1e9 || (size > 0 && size < 1e-4)) return value.toExponential(2);
  return number(value, size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 4);
}

export function count(value) {
  return value === null || value === undefined ? NOTHING : number(value, 0);
}

export function milliseconds(value) {
  if (value === null || value === undefined) return NOTHING;
  return value >= 10_000 ? `${short(value / 1000)} s` : `${short(value)} ms`;
}

/** A share of one as a percentage: nothing and all only where it is that exactly. */
export function percent(share, digits = 1) {
  if (share === null || share === undefined) return NOTHING;
  const text = number(share * 100, digits), least = 10 ** -digits;
  if (share > 0 && text === "0") return `<${number(least, digits)} %`;
  if (share < 1 && text === "100") return `>${number(100 - least, digits)} %`;
  return `${text} %`;
}

/** `1 row`, `2 rows`. */
export function counted(value, one, several = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : several}`;
}

export function perSecond(value) {
  return value === null || value === undefined ? NOTHING : `${short(value)} /s`;
}

/** `90 s`, `12 min`, `3 h`, `2 d`: about how long. */
export function duration(seconds) {
  if (seconds < 100) return `${number(seconds, 0)} s`;
  if (seconds < 100 * 60) return `${number(seconds / 60, 0)} min`;
  if (seconds < 48 * 3600) return `${number(seconds / 3600, 0)} h`;
  return `${number(seconds / 86_400, 0)} d`;
}

const day = { year: "numeric", month: "short", day: "numeric" };
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const formats = {
  full: new Intl.DateTimeFormat("en-GB", { ...day, ...clock, second: "2-digit", timeZoneName: "short" }),
  time: new Intl.DateTimeFormat("en-GB", { ...clock, second: "2-digit", timeZoneName: "short" }),
  minute: new Intl.DateTimeFormat("en-GB", clock),
  date: new Intl.DateTimeFormat("en-GB", { month: "short", day: "numeric" }),
};

/** A moment (Date, ISO text or seconds since 1970) in the reader's zone, which it names: `full` or `time`. */
export function moment(value, form = "full") {
  return formats[form].format(dateOf(value));
}

export function dateOf(value) {
  return value instanceof Date ? value : new Date(typeof value === "number" ? value * 1000 : value);
}

/** The reader's time zone, by name. */
export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `drift_input` → `Drift input`. */
export function words(name) {
  const text = String(name).replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
