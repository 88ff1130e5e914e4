/** @typedef {readonly [Value, Value]} Limits  the lowest and the highest value of a column that are chosen */

/**
 * Return the runs that lie within all limits.
 * @param {ReadonlyMap<string, Limits>} brushes
 * @returns {Set<number>}
 */
function runsWithin(brushes) {
  const limits = [...brushes].flatMap(([key, [low, high]]) => {
    const axis = axes.get(key);
    return axis ? [{ places: axis.places, low: axis.scale.place(low), high: axis.scale.place(high) }] : [];
  });
  const isWithin = (/** @type {number} */ run) =>
    limits.every(({ places, low, high }) => places[run] >= low - 1e-9 && places[run] <= high + 1e-9);
  return new Set(brushes.size ? data.runs.map((_, run) => run).filter(isWithin) : []);
}

/**
 * Choose the runs within these limits, and within those of the other columns that were set before.
 * @param {Record<string, Limits | null>} changed  by the column's key; null removes its limits
 */
function brush(changed) {
  const brushes = new Map(choice.state.brushes);
  for (const [key, limits] of Object.entries(changed)) {
    if (limits) brushes.set(key, limits);
    else brushes.delete(key);
  }
  choice.set({ brushes, chosen: runsWithin(brushes) });
}

const FEW = 20;
/** Values of a key, of which limits are always one. */
const END = 0.02;
/** Part of an axis that counts as its end. */

/**
 * Return the limits of a column between two places of its scale, in any order.
 * @param {Axis} axis
 * @param {number} one
 * @param {number} other
 * @returns {Limits}
 */
function limitsBetween(axis, one, other) {
  /** @param {number} place */
  const limit = (place) => {
    if (axis.isKey && axis.stops.length <= FEW) {
      place = axis.stops.reduce((best, stop) => Math.abs(stop - place) < Math.abs(best - place) ? stop : best);
    }
    return axis.scale.value(place < END ? 0 : place > 1 - END ? 1 : place);
  };
  return [limit(Math.min(one, other)), limit(Math.max(one, other))];
}
