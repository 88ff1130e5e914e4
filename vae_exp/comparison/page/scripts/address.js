/**
 * Return the choice and the settings as the part of an address behind `#`: `runs=a,b&open=a&log=1`,
 * `axis:val%2Floss=100,120`.
 * @param {State} state
 */
function writeAddress(state) {
  /** @param {number} run */
  const id = (run) => encodeURIComponent(data.runs[run].id);
  const parts = [...state.brushes].map(([key, limits]) =>
    `axis:${encodeURIComponent(key)}=${limits.map(encodeURIComponent).join(",")}`);
  if (!state.brushes.size && state.chosen.size) parts.push(`runs=${[...state.chosen].map(id).join(",")}`);
  if (state.opened !== null) parts.push(`open=${id(state.opened)}`);
  parts.push(...settings.changes.map(({ name, values }) => `${name}=${values.map(encodeURIComponent).join(",")}`));
  return parts.join("&");
}

/**
 * Return the choice that the part of an address behind `#` names. What names nothing in this page is left out.
 * @param {string} text
 * @returns {Pick<State, "chosen" | "brushes" | "opened">}
 */
function readAddress(text) {
  const numbers = new Map(data.runs.map((run, i) => [run.id, i]));
  const brushes = new Map();
  /** @type {Set<number>} */
  let chosen = new Set();
  let opened = null;
  for (const part of text.split("&")) {
    const [name, ...rest] = part.split("=");
    const values = rest.join("=").split(",").map(decoded);
    const runs = values.flatMap((value) => numbers.get(value) ?? []);
    if (name === "runs") chosen = new Set(runs);
    if (name === "open") opened = runs[0] ?? null;
    const axis = name.startsWith("axis:") ? axes.get(decoded(name.slice(5))) : undefined;
    const limits = axis && values.map((value) => axis.values.some((each) => typeof each === "string") ? value : Number(value));
    if (axis && limits?.length === 2 && !limits.some((limit) => isNaN(axis.scale.place(limit)))) brushes.set(axis.key, limits);
  }
  return { chosen: brushes.size ? runsWithin(brushes) : chosen, brushes, opened };
}

/**
 * Return the settings that the part of an address behind `#` names. Views ignore what they don't know.
 * @param {string} text
 */
function readSettings(text) {
  const parts = text.split("&").filter((part) => part.includes("="));
  return new Map(parts.map((part) => {
    const at = part.indexOf("=");
    return [part.slice(0, at), part.slice(at + 1).split(",").map(decoded)];
  }));
}

/**
 * Return a text without its percent signs; the text itself where they are no code.
 * @param {string} text
 */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Keep the choice and the settings in the page's address, and take them from there when a reader changes that. */
function keepAddress() {
  let known = location.hash.slice(1);
  choice.set(readAddress(known));
  settings.show(readSettings(known));
  addEventListener("hashchange", () => {
    if (location.hash.slice(1) === known) return;
    known = location.hash.slice(1);
    choice.set(readAddress(known));
    requestAnimationFrame(() => settings.show(readSettings(known)));  // after views have followed the choice
  });
  const write = atRest(() => {
    known = writeAddress(choice.state);
    history.replaceState(null, "", known ? `#${known}` : location.pathname + location.search);
  });
  choice.subscribe((_, changed) => {
    if (changed.has("chosen") || changed.has("brushes") || changed.has("opened")) write();
  });
  settings.subscribe(write);
}
