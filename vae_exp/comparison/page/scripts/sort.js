/* A click on a column's name sorts the table by it; rows without a value stay last. */
for (const table of findAll(document, "table.sortable", HTMLTableElement)) {
  const heads = findAll(table, "thead tr:last-child th", HTMLTableCellElement);
  const body = find(table, "tbody", HTMLTableSectionElement);
  /** @param {HTMLTableRowElement} row @param {number} column */
  const key = (row, column) => row.cells[column].dataset.order ?? "";
  /** @param {string} text */
  const missing = (text) => text === "nan" || text === "inf";
  /** @param {string} a @param {string} b */
  const compare = (a, b) => isNaN(+a) || isNaN(+b) ? a.localeCompare(b) : +a - +b;
  heads.forEach((head, column) => find(head, "button", HTMLButtonElement).addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const all = [...body.rows];
    const rows = all.filter((row) => !missing(key(row, column)));
    rows.sort((a, b) => compare(key(a, column), key(b, column)));
    const rest = all.filter((row) => missing(key(row, column)));
    body.append(...(down ? rows.reverse() : rows), ...rest);
  }));
}
