/**
 * A run as the page's block of data holds it.
 * @typedef {object} Run
 * @property {string} id  unique in the page; the address names it so
 * @property {string} label  `latent_dim=2, seed=0`
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

/** The runs of the page, and what they share. @type {{runs: Run[], best: number | null}} */
const data = readBlock("runs-data");
