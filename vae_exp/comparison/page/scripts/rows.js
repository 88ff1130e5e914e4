/** Let the rows of the page's tables be chosen and opened, and show there what is chosen elsewhere. */
function showRows() {
  const rows = findAll(document, "tr[data-runs]", HTMLTableRowElement).map((row) => {
    const runs = (row.dataset.runs ?? "").split(" ").map(Number);
    const head = find(row, "th", HTMLTableCellElement);
    const label = runs.length === 1 ? data.runs[runs[0]].label : (row.dataset.label ?? "");
    const box = make("input", { type: "checkbox", class: "screen", "aria-label": `Select ${label}` });
    box.addEventListener("change", () => choice.toggle(runs));
    const name = make("button", { type: "button", class: "open", title: "Show its details" }, ...head.childNodes);
    name.addEventListener("click", () => choice.set({ opened: runs[0] }));
    row.addEventListener("pointerenter", () => choice.set({ pointed: runs[0] }));
    row.addEventListener("pointerleave", () => choice.set({ pointed: null }));
    head.prepend(box, name);
    return { row, runs, box };
  });

  const show = atRest(() => {
    for (const { row, runs, box } of rows) {
      const count = runs.filter((run) => choice.state.chosen.has(run)).length;
      const [isAll, isPart] = [count === runs.length, count > 0 && count < runs.length];
      if (box.checked !== isAll) box.checked = isAll;
      if (box.indeterminate !== isPart) box.indeterminate = isPart;
      if (row.classList.contains("chosen") !== isAll) row.classList.toggle("chosen", isAll);
    }
  });
  choice.subscribe((_, changed) => { if (changed.has("chosen")) show(); });
}
