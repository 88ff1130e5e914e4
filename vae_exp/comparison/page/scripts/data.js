/**
 * A run as the page's block of data holds it.
 * @typedef {object} Run
 * @property {string} id  unique in the page; the address names it so
 * @property {string} label  `latent_dim=2, seed=0`
 * @property {number} row  the number of its configuration
 * @property {string} state
 * @property {string | null} error
 * @property {number} epochs
 * @property {string} folder
 */

/** @typedef {number | string} Value */

/**
 * A swept key, or a measure.
 * @typedef {object} Column
 * @property {string} key
 * @property {string} name
 * @property {string} meaning
 * @property {(Value | null)[]} values  one of each run
 * @property {boolean} isKey
 * @property {boolean} isLog
 */

/** @typedef {{key: string, values: (number | null)[][]}} Curve  values at the epochs that are shown, of each run */

/**
 * What the scripts know of the runs. `foremost` has their numbers, the best configurations first, one seed of each;
 * `shades` has the name of each configuration's colour.
 * @typedef {object} Data
 * @property {Run[]} runs
 * @property {number | null} best
 * @property {number[]} foremost
 * @property {Column[]} columns
 * @property {string[]} shades
 * @property {Record<string, number[]>} epochs  which epochs a curve of so many epochs shows
 * @property {Curve[]} curves
 * @property {string[]} starts  keys of the columns that the scatter begins with: across, and up
 * @property {string[]} axes  keys of the columns that the parallel coordinates begin with
 * @property {SearchData} [search]
 */

/**
 * Return what a block of data holds, or null where the page has no such block.
 * @param {string} id  that of its element
 * @returns {any}
 */
function readBlock(id) {
  const element = document.getElementById(id);
  return element && JSON.parse(element.textContent ?? "");
}

/** The runs of the page, and what they share. @type {Data} */
const data = readBlock("runs-data");

/**
 * Return a column by its key.
 * @param {string} key
 * @returns {Column | undefined}
 */
function columnOf(key) {
  return data.columns.find((column) => column.key === key);
}
