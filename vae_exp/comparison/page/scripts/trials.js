/**
 * A trial when it reached a rung.
 * @typedef {object} TrialPoint
 * @property {number} trial  its number
 * @property {number[]} runs  one of each seed
 * @property {number} rung  the place of the rung among all
 * @property {number} spent  epochs that all trials had spent by then
 * @property {number[]} values  of each measure
 */

/**
 * A search: its measures, the epochs of its rungs, the epochs that all trials had spent when each rung ended, the number
 * of its trials, the numbers of those on the Pareto front, and the trials at their rungs in the order in which they came.
 * @typedef {{measures: string[], rungs: number[], ends: number[], trials: number, front: number[], points: TrialPoint[]}} SearchData
 */

/**
 * What is drawn of a search.
 * @typedef {object} TrialChart
 * @property {string} key  in the address
 * @property {string} name
 * @property {string} across
 * @property {string} up
 * @property {(point: TrialPoint) => number} x
 * @property {(point: TrialPoint) => number} y
 * @property {TrialPoint[]} steps  the points that are joined in steps; where there are none, each trial's are joined
 * @property {TrialPoint[]} named  the points at which the numbers of their trials are written
 * @property {number[]} marks  values across that a dotted line marks
 * @property {string} note
 */

/**
 * Return the charts of a search: of two measures their Pareto front, and of each measure its course and its rungs.
 * @param {SearchData} search
 * @returns {TrialChart[]}
 */
function trialCharts(search) {
  const { measures } = search;
  const each = measures.flatMap((_, i) => [courseChart(search, i), rungChart(search, i)]);
  return measures.length > 1 ? [frontChart(search), ...each] : each;
}

/** @param {SearchData} search @param {number} measure @returns {TrialChart} */
function courseChart({ measures, ends, points }, measure) {
  const name = measures[measure];
  /** @param {TrialPoint} point */
  const y = ({ values }) => values[measure];
  const marks = ends.slice(0, -1);
  const note = `joined: the lowest value so far${marks.length ? "; dotted: the next rung begins" : ""}`;
  return { key: `course:${name}`, name: `course: ${name}`, across: "epochs spent by all trials", up: name, x: ({ spent }) => spent, y,
    steps: lowest(points, y), named: [], marks, note };
}

/** @param {SearchData} search @param {number} measure @returns {TrialChart} */
function rungChart({ measures, rungs }, measure) {
  const name = measures[measure];
  return { key: `rungs:${name}`, name: `rungs: ${name}`, across: "epoch of the trial", up: name, x: ({ rung }) => rungs[rung],
    y: ({ values }) => values[measure], steps: [], named: [], marks: [], note: "joined: each trial" };
}

/** @param {SearchData} search @returns {TrialChart} */
function frontChart({ measures, rungs, front, points }) {
  const last = points[points.length - 1].rung;
  const steps = points.filter(({ rung, trial }) => rung === last && front.includes(trial)).sort((a, b) => a.values[0] - b.values[0]);
  const names = steps.map(({ trial }) => trial).join(", ");
  const note = `joined: the front at epoch ${rungs[last]}, of trial${steps.length > 1 ? "s" : ""} ${names}`;
  return { key: "front", name: "Pareto front", across: measures[0], up: measures[1], x: ({ values }) => values[0],
    y: ({ values }) => values[1], steps, named: steps, marks: [], note };
}

/**
 * Return the points at which a value fell below all before it, and the last point, at the lowest value.
 * @param {TrialPoint[]} points  in the order in which they came
 * @param {(point: TrialPoint) => number} value
 */
function lowest(points, value) {
  let least = Infinity;
  const found = points.filter((point) => {
    const isLower = value(point) < least;
    least = Math.min(least, value(point));
    return isLower;
  });
  return [...found, { ...found[found.length - 1], spent: points[points.length - 1].spent }];
}

/**
 * Return the largest value that is not far above the others: Tukey's fence.
 * @param {number[]} values
 */
function fence(values) {
  const sorted = [...values].sort((a, b) => a - b);
  /** @param {number} part */
  const quantile = (part) => sorted[Math.round(part * (sorted.length - 1))];
  const limit = quantile(0.75) + 1.5 * (quantile(0.75) - quantile(0.25));
  return sorted.findLast((value) => value <= limit) ?? sorted[0];
}
