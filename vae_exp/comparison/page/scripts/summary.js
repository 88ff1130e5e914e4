/**
 * Say how many runs are chosen and by what, and which one was opened; let a reader undo the choice.
 * @param {HTMLElement} root
 */
function showSummary(root) {
  const status = find(root, "[role=status]", HTMLElement);
  const list = find(root, "ul", HTMLElement);
  const none = find(root, "button", HTMLButtonElement);
  none.addEventListener("click", () => choice.choose([]));
  choice.subscribe(({ chosen, brushes, opened }, changed) => {
    if (!changed.has("chosen") && !changed.has("brushes") && !changed.has("opened")) return;
    const count = data.runs.length.toLocaleString("en");
    const shown = choice.isMade ? `${chosen.size.toLocaleString("en")} of ${count} runs are selected` : `All ${count} runs are shown`;
    status.textContent = opened === null ? shown : `${shown}; the details of ${data.runs[opened].label} are below`;
    none.hidden = !choice.isMade;
    if (changed.has("brushes")) list.replaceChildren(...[...brushes].map(([key, limits]) => entry(key, limits)));
  });

  /** @param {string} key @param {Limits} limits */
  function entry(key, limits) {
    const name = columnOf(key)?.name ?? key;
    const [low, high] = limits.map(written);
    const remove = make("button", { type: "button", "aria-label": `Remove the limits of ${name}` }, "×");
    remove.addEventListener("click", () => brush({ [key]: null }));
    return make("li", {}, `${name} ${low === high ? low : `${low} to ${high}`} `, remove);
  }
}
