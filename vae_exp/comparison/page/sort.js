"use strict";
/* A click on a column's name sorts the table by it; rows without a value stay last. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead tr:last-child th")];
  const body = table.querySelector("tbody");
  const key = (row, column) => row.cells[column].dataset.order;
  const missing = (text) => text === "nan" || text === "inf";
  const compare = (a, b) => isNaN(a) || isNaN(b) ? a.localeCompare(b) : a - b;
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const has = (row) => !missing(key(row, column));
    const rows = [...body.rows].filter(has).sort((a, b) => compare(key(a, column), key(b, column)));
    const rest = [...body.rows].filter((row) => !has(row));
    body.append(...(down ? rows.reverse() : rows), ...rest);
  }));
}
