const MOST_CURVES = 100;
/** Largest number of curves: more can't be distinguished. */

/**
 * Show a measure against the epoch: a curve for each chosen run, or for each configuration with a band of its seeds.
 * @param {HTMLElement} root
 */
function showCurves(root) {
  const plane = find(root, ".plane", HTMLElement);
  const select = find(root, "select", HTMLSelectElement);
  const [isLog, withBands] = findAll(root, "input", HTMLInputElement);
  const note = find(root, ".note", HTMLElement);
  for (const curve of data.curves) select.append(make("option", { value: curve.key }, curve.key.replace("/", " ")));
  for (const control of [select, isLog, withBands]) control?.addEventListener("change", () => paint());

  const values = () => data.curves[Math.max(0, select.selectedIndex)].values;
  /** @param {number} run */
  const epochs = (run) => data.epochs[data.runs[run].epochs];
  let drawn = choose();

  /** Return the runs that are drawn: the foremost of those that are chosen. */
  function choose() {
    const { opened, pointed } = choice.state;
    const runs = data.foremost.filter((run) => choice.has(run) && values()[run].some((value) => value !== null));
    const more = [opened, pointed].filter((run) => run !== null);
    return { runs: [...new Set([...runs.slice(0, MOST_CURVES), ...more])], all: runs.length };
  }

  /** Return scales for what is drawn: of the values, those after the first tenth of the epochs, as they begin far above. */
  function scales() {
    let [low, high, top, last] = [Infinity, -Infinity, -Infinity, 1];
    for (const run of drawn.runs) last = Math.max(last, data.runs[run].epochs);
    for (const run of drawn.runs) {
      values()[run].forEach((value, i) => {
        if (value === null || (isLog.checked && value <= 0)) return;
        [low, top] = [Math.min(low, value), Math.max(top, value)];
        if (epochs(run)[i] > last / 10) high = Math.max(high, value);
      });
    }
    if (isLog.checked || high === -Infinity) high = top;
    if (high < low) [low, high] = [0, 1];
    return { across: wholeNumbers(numberScale(1, last, false)), up: numberScale(low, high, isLog.checked), isCut: top > high };
  }

  const paint = makeCanvas(plane, (context, width, height) => {
    drawn = choose();
    const { across, up, isCut } = scales();
    const at = makeFrame(width, height, across, up);
    const { chosen, last } = inFront(drawn.runs);
    at.draw(context, "epoch", select.value.replace("/", " "));
    at.within(context, () => {
      const groups = withBands?.checked ? [...Map.groupBy(chosen, (run) => data.runs[run].row).values()] : chosen.map((run) => [run]);
      context.globalAlpha = groups.length > 30 ? 0.5 : 0.9;
      for (const runs of groups) drawCurves(context, at, across, up, runs, groups.length > 30 ? 1 : 1.5);
      context.globalAlpha = 1;
      for (const run of last) drawCurves(context, at, across, up, [run], 3);
    });
    const many = drawn.all > MOST_CURVES ? `${MOST_CURVES} of ${drawn.all} runs, the best configurations first` : "";
    const lines = [drawn.all ? many : "no run that is chosen has such a curve", withBands?.checked ? "a band goes from the lowest to the highest seed" : "", isCut ? "the first epochs are cut off at the top" : ""];
    note.textContent = lines.filter(Boolean).join("; ");
  });

  /**
   * Draw one curve, or the mean and the band of several.
   * @param {CanvasRenderingContext2D} context
   * @param {ReturnType<typeof makeFrame>} at
   * @param {Scale} across
   * @param {Scale} up
   * @param {number[]} runs
   * @param {number} thickness
   */
  function drawCurves(context, at, across, up, runs, thickness) {
    const points = runs.length > 1 ? spread(runs) : values()[runs[0]].map((value, i) => ({ epoch: epochs(runs[0])[i], mean: value, low: value, high: value }));
    const known = points.flatMap(({ epoch, mean, low, high }) => {
      const place = up.place(mean);
      return isNaN(place) ? [] : [{ x: at.x(across.place(epoch)), y: at.y(place), low: at.y(up.place(low)), high: at.y(up.place(high)) }];
    });
    if (!known.length) return;
    context.strokeStyle = context.fillStyle = colours.ofRun(runs[0]);
    if (runs.length > 1) {
      context.save();
      context.globalAlpha = 0.2;
      context.beginPath();
      for (const { x, high } of known) context.lineTo(x, high);
      for (const { x, low } of known.toReversed()) context.lineTo(x, low);
      context.fill();
      context.restore();
    }
    context.lineWidth = thickness;
    context.beginPath();
    for (const { x, y } of known) context.lineTo(x, y);
    context.stroke();
    if (known.length === 1) context.fillRect(known[0].x - 2, known[0].y - 2, 4, 4);
  }

  /**
   * Return mean, lowest and highest value of some runs, at the epochs that all of them have.
   * @param {number[]} runs
   */
  function spread(runs) {
    /** @type {Map<number, number[]>} */
    const found = new Map();
    for (const run of runs) {
      values()[run].forEach((value, i) => {
        if (value !== null) found.set(epochs(run)[i], [...(found.get(epochs(run)[i]) ?? []), value]);
      });
    }
    const whole = [...found].filter(([, all]) => all.length === runs.length).sort(([a], [b]) => a - b);
    return whole.map(([epoch, all]) => ({
      epoch, mean: all.reduce((a, b) => a + b) / all.length, low: Math.min(...all), high: Math.max(...all),
    }));
  }

  /**
   * Return the place of the epoch that is shown nearest to a point, among a run's.
   * @param {number} run
   * @param {number} x
   */
  function indexAt(run, x) {
    const { across, up } = scales(), at = makeFrame(plane.clientWidth, plane.clientHeight, across, up);
    const wanted = Number(across.value(at.acrossAt(x)));
    return epochs(run).reduce((best, epoch, i, all) => Math.abs(epoch - wanted) < Math.abs(all[best] - wanted) ? i : best, 0);
  }

  steer(plane, {
    near(x, y) {
      const { across, up } = scales(), at = makeFrame(plane.clientWidth, plane.clientHeight, across, up);
      return nearest(inFront(drawn.runs), (run) => {
        const i = indexAt(run, x), value = values()[run][i];
        const far = Math.abs(at.x(across.place(epochs(run)[i])) - x);
        return value === null || far > 40 ? Infinity : Math.abs(at.y(up.place(value)) - y);
      });
    },
    order: () => drawn.runs,
    say(run, x) {
      const i = x ? indexAt(run, x) : epochs(run).length - 1;
      return epochs(run).length ? `epoch ${epochs(run)[i]}: ${written(values()[run][i])}` : "no epoch yet";
    },
  });
  choice.subscribe(inTurn(paint));
  keepControl("curve", select);
  keepControl("log", isLog);
  if (withBands) keepControl("band", withBands);
}
