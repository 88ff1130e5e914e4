/**
 * Where values stand along a line that goes from 0 to 1.
 * @typedef {object} Scale
 * @property {(value: Value | null) => number} place  NaN for what has none
 * @property {(place: number) => Value} value  the value at a place
 * @property {(most: number) => Value[]} ticks  values to write along the line
 */

/**
 * Return the scale of numbers between two limits.
 * @param {number} low
 * @param {number} high
 * @param {boolean} isLog
 * @returns {Scale}
 */
function numberScale(low, high, isLog) {
  const [into, out] = isLog ? [Math.log, Math.exp] : [Number, Number];
  const [from, width] = [into(low), into(high) - into(low)];
  return {
    place: (value) => typeof value !== "number" || (isLog && value <= 0) ? NaN : width ? (into(value) - from) / width : 0.5,
    value: (place) => place <= 0 ? low : place >= 1 ? high : Number(out(from + place * width).toPrecision(8)),
    ticks: (most) => isLog ? powers(low, high, most) : roundNumbers(low, high, most),
  };
}

/**
 * Return the scale of names, in their order.
 * @param {string[]} names
 * @returns {Scale}
 */
function nameScale(names) {
  const last = Math.max(1, names.length - 1);
  const places = new Map(names.map((name, i) => [name, names.length > 1 ? i / last : 0.5]));
  return {
    place: (value) => places.get(String(value)) ?? NaN,
    value: (place) => names[Math.round(Math.min(1, Math.max(0, place)) * (names.length - 1))],
    ticks: (most) => names.filter((_, i) => i % Math.ceil(names.length / most) === 0),
  };
}

/**
 * Return a scale whose ticks are whole numbers.
 * @param {Scale} scale
 * @returns {Scale}
 */
function wholeNumbers(scale) {
  return { ...scale, ticks: (most) => scale.ticks(most).filter((tick) => Number.isInteger(tick)) };
}

/**
 * Return the scale of a column. Few values of a key are its ticks.
 * @param {Column} column
 * @returns {Scale}
 */
function scaleOf(column) {
  const values = [...new Set(column.values)].filter((value) => value !== null);
  if (values.some((value) => typeof value === "string")) return nameScale(values.map(String));
  const numbers = /** @type {number[]} */ (values).sort((a, b) => a - b);
  const plain = numberScale(numbers[0], numbers[numbers.length - 1], column.isLog);
  const scale = !column.isLog && numbers.every(Number.isInteger) ? wholeNumbers(plain) : plain;
  if (!column.isKey || numbers.length > 8) return scale;
  return { ...scale, ticks: (most) => numbers.length <= most ? numbers : scale.ticks(most) };
}

/**
 * A column with its scale, the place of each run on it, and the different places in their order.
 * @typedef {Column & {scale: Scale, places: Float64Array, stops: number[]}} Axis
 */

/** The axis of each column that has a value, by key. */
const axes = new Map((data.columns ?? []).map((column) => {
  const scale = scaleOf(column);
  const places = Float64Array.from(column.values, scale.place);
  const stops = [...new Set(places)].filter((place) => !isNaN(place)).sort((a, b) => a - b);
  return [column.key, /** @type {Axis} */ ({ ...column, scale, places, stops })];
}));
