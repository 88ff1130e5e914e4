/* A click on the name of a group of columns folds it into one narrow column, or unfolds it. */
for (const button of findAll(document, "button.fold", HTMLButtonElement)) {
  const head = /** @type {HTMLTableCellElement} */ (button.closest("th"));
  const cells = head.closest("table")?.querySelectorAll(`.${button.dataset.group}`) ?? [];
  const width = head.colSpan;
  button.addEventListener("click", () => {
    const unfold = button.getAttribute("aria-expanded") === "false";
    button.setAttribute("aria-expanded", String(unfold));
    head.colSpan = unfold ? width : 1;
    cells.forEach((cell, i) => {
      cell.classList.toggle("folded", !unfold);
      cell.classList.toggle("first", i % width === 0);
    });
  });
}
