/**
 * Return a value as it is read: a number with at most five significant digits and a minus sign as wide as a plus.
 * @param {Value | null | undefined} value
 */
function written(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  const size = Math.abs(value);
  const isPlain = size === 0 || (size >= 1e-4 && size < 1e6);
  const short = isPlain ? String(Number(value.toPrecision(5))) : value.toExponential(2).replace("e+", "e");
  return short.replaceAll("-", "−");
}

/**
 * Return at most `most` round numbers between two others: 1, 2 or 5 times a power of ten apart.
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
function roundNumbers(low, high, most) {
  const least = (high - low) / Math.max(1, most);
  if (!(least > 0)) return [low];
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/**
 * Return powers of ten between two positive numbers, with twice and five times them where there are few.
 * @param {number} low
 * @param {number} high
 * @param {number} most
 */
function powers(low, high, most) {
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
      found.push(...factors.map((factor) => Number((factor * 10 ** power).toPrecision(12))));
    }
    const inside = found.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
    if (inside.length >= 2 && inside.length <= most) return inside;
  }
  return high / low < 10 ? roundNumbers(low, high, most) : [low, high];
}
