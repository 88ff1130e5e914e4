/**
 * Posterior means of images, and their labels where there are any that can be named.
 * @typedef {object} CodesData
 * @property {string} split  that of the images
 * @property {string} means  (count, dimensions), see `unpack`
 * @property {number} factor
 * @property {number} count
 * @property {number} dimensions
 * @property {number[]} used  all dimensions, those whose means vary most first
 * @property {number} active  how many of them are active
 * @property {string} [labels]  a byte each
 * @property {string[]} [names]
 * @property {string[]} [colours]  of each label; none where there are too many to distinguish
 */

/** @typedef {ReturnType<typeof readCodes>} Codes */

/** Standard deviations of the prior that an axis shows at least, so that a collapsed space looks collapsed. */
const LEAST_REACH = 3;

/** @param {CodesData} data */
function readCodes(data) {
  const { count, dimensions } = data;
  const [means] = unpack(data.means, [count * dimensions], [data.factor]);
  const labels = data.labels === undefined ? null : unpackBytes(data.labels);
  let reach = LEAST_REACH;
  for (const value of means) reach = Math.max(reach, 1.05 * Math.abs(value));

  /** @param {number} i */
  const at = (i) => means.subarray(i * dimensions, (i + 1) * dimensions);

  /**
   * Return the number of the code for which a function is smallest.
   * @param {(code: Float32Array, i: number) => number} distance
   */
  function closest(distance) {
    let [found, least] = [0, Infinity];
    for (let i = 0; i < count; i++) {
      const value = distance(at(i), i);
      if (value < least) [found, least] = [i, value];
    }
    return found;
  }

  return {
    ...data,
    labels,
    /** How far the axes reach to both sides of 0. */
    reach,
    /** Return a code: (dimensions,). */
    at,
    closest,

    /**
     * Return the number of the code that is nearest to a latent point.
     * @param {Float32Array} z
     */
    nearestTo: (z) => closest((code) => code.reduce((sum, value, d) => sum + (value - z[d]) ** 2, 0)),

    /** Return the name of a code's label; nothing where there are none. @param {number} i */
    nameOf: (i) => (labels && data.names ? data.names[labels[i]] : ""),
  };
}
