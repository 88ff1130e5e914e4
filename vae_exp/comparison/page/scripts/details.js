/**
 * Show the run that was opened: its configuration, its differences to the best, its measures and its pictures.
 * @param {HTMLElement} root
 */
function showDetails(root) {
  const body = find(root, ".body", HTMLElement);
  const buttons = find(root, ".buttons", HTMLElement);
  const [toggle, close] = findAll(buttons, "button", HTMLButtonElement);
  toggle.addEventListener("click", () => { if (choice.state.opened !== null) choice.toggle([choice.state.opened]); });
  close.addEventListener("click", () => choice.set({ opened: null }));
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)");

  choice.subscribe(({ opened, chosen }, changed) => {
    root.hidden = opened === null;
    if (opened === null) return;
    toggle.textContent = chosen.has(opened) ? "Deselect it" : "Select it";
    if (!changed.has("opened")) return;
    find(root, "h3", HTMLElement).textContent = data.runs[opened].label;
    body.replaceChildren(...about(opened));
    root.scrollIntoView({ block: "nearest", behavior: isCalm.matches ? "auto" : "smooth" });
  });

  /** @param {number} run */
  function about(run) {
    const { state, error, epochs, folder } = data.runs[run];
    const line = make("p", { class: "small" }, `${state}, ${epochs} epochs, in `, make("code", {}, folder));
    const failed = error ? [make("p", { class: "error" }, error)] : [];
    const parts = [valuesOf(run, true, "Configuration"), valuesOf(run, false, "Measures")].filter((part) => part !== null);
    return [line, ...failed, make("div", { class: "charts" }, ...parts), sharedByAll(), picturesOf(run)];
  }

  /** Return what all runs share, folded, as the head of the page has it. */
  function sharedByAll() {
    const table = find(document, "header table", HTMLTableElement).cloneNode(true);
    const region = make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": "What all runs share" }, table);
    return make("details", {}, make("summary", {}, "What all runs share"), region);
  }

  /**
   * Return a table of a run's keys or measures beside those of the best run; null where it has none.
   * @param {number} run
   * @param {boolean} areKeys
   * @param {string} title
   */
  function valuesOf(run, areKeys, title) {
    const best = data.best === run ? null : data.best;
    const shown = [...axes.values()].filter((axis) => axis.isKey === areKeys && axis.meaning && axis.values[run] !== null);
    if (!shown.length) return null;
    const heads = ["", "this run", ...(best === null ? [] : ["the best", ...(areKeys ? [] : ["difference"])])];
    const head = make("tr", {}, ...heads.map((text) => text ? make("th", { scope: "col" }, text) : make("td")));
    const rows = shown.map((axis) => make("tr", {}, ...cells(axis, run, best)));
    const table = make("table", {}, make("caption", {}, title), make("thead", {}, head), make("tbody", {}, ...rows));
    return make("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": title }, table);
  }

  /** @param {Axis} axis @param {number} run @param {number | null} best */
  function cells(axis, run, best) {
    const [own, other] = [axis.values[run], best === null ? null : axis.values[best]];
    const found = [make("th", { scope: "row", title: axis.meaning }, axis.name), make("td", {}, written(own))];
    if (best === null) return found;
    found.push(make("td", {}, written(other)));
    if (axis.isKey) {
      if (own !== other) found.forEach((cell) => cell.classList.add("differs"));
      return found;
    }
    const isKnown = typeof own === "number" && typeof other === "number";
    const difference = isKnown ? `${own > other ? "+" : ""}${written(own - other)}` : "–";
    return [...found, make("td", {}, difference)];
  }

  /** @param {number} run */
  function picturesOf(run) {
    const figures = findAll(document, `figure[data-run="${run}"]`, HTMLElement);
    if (!figures.length) return make("p", { class: "small" }, "The page has no pictures of this run.");
    return make("div", { class: "gallery" }, ...figures.map((figure) => {
      const copy = /** @type {HTMLElement} */ (figure.cloneNode(true));
      copy.removeAttribute("data-run");
      find(copy, "figcaption", HTMLElement).textContent = figure.closest("section")?.querySelector("h2")?.textContent ?? "";
      return copy;
    }));
  }
}
