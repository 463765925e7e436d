// Light, dark, or as the system has it. Charts are drawn in colours of the style sheet, and anew when these change.

const KEY = "console-theme";
const CHOICES = { system: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
const listeners = new Set();
const colours = new Map();
const dark = matchMedia("(prefers-color-scheme: dark)");

function chosen() {
  const kept = localStorage.getItem(KEY);
  return kept in CHOICES ? kept : "system";
}

function apply(button) {
  const choice = chosen();
  document.documentElement.dataset.theme = choice;
  button.textContent = CHOICES[choice];
  colours.clear();
  for (const listener of listeners) listener();
}

/** Makes `button` go through the choices. */
export function startTheme(button) {
  apply(button);
  dark.addEventListener("change", () => apply(button));
  button.addEventListener("click", () => {
    const names = Object.keys(CHOICES);
    localStorage.setItem(KEY, names[(names.indexOf(chosen()) + 1) % names.length]);
    apply(button);
  });
}

export function whenThemeChanges(listener, signal) {
  listeners.add(listener);
  signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
}

/** A custom property of the style sheet (`--series-1`) as a canvas can use it; so many percent of it upon a card. */
export function colour(name, percent = 100) {
  const key = `color-mix(in srgb, var(${name}) ${percent}%, var(--card))`;
  if (!colours.has(key)) {
    const probe = document.createElement("i");
    probe.hidden = true;
    probe.style.color = key;
    document.body.append(probe);
    colours.set(key, getComputedStyle(probe).color);
    probe.remove();
  }
  return colours.get(key);
}

const SERIES = 7;

/** The colour of the n-th of several things; after seven they are all grey. */
export function seriesColour(index) {
  return index < SERIES ? `--series-${index + 1}` : "--series-other";
}
