/**
 * Show a search: each trial at each rung that it reached, with its course, its rungs, or its Pareto front.
 * @param {HTMLElement} root
 * @param {SearchData} search
 */
function showSearch(root, search) {
  const plane = find(root, ".plane", HTMLElement);
  const select = find(root, "select", HTMLSelectElement);
  const note = find(root, ".note", HTMLElement);
  const charts = trialCharts(search);
  select.append(...charts.map(({ key, name }) => make("option", { value: key }, name)));
  select.addEventListener("change", () => paint());
  const chart = () => charts[select.selectedIndex];
  /** @type {Map<number, TrialPoint[]>} */
  const pointsOf = new Map();
  for (const point of search.points) for (const run of point.runs) pointsOf.set(run, [...(pointsOf.get(run) ?? []), point]);
  const runs = data.foremost.filter((run) => pointsOf.has(run));
  /** @type {number[] | null} */
  let dragged = null;

  /** Return where the chart draws points; those far beyond the others stand at its edge. */
  function layout() {
    const { x, y, steps, marks } = chart();
    const [across, up] = [search.points.map(x), search.points.map(y)];
    const isByEpoch = marks.length || !steps.length;
    const [right, top] = [isByEpoch ? Math.max(...across) : fence(across), fence(up)];
    const scale = wholeNumbers(numberScale(marks.length ? 0 : Math.min(...across), right, false));
    const upScale = numberScale(Math.min(...up), top, false);
    const at = makeFrame(plane.clientWidth, plane.clientHeight, scale, upScale);
    /** @param {TrialPoint} point */
    const place = (point) => {
      const [one, other] = [scale.place(x(point)), upScale.place(y(point))];
      return { x: at.x(Math.min(1, one)), y: at.y(Math.min(1, other)), isBeyond: one > 1 || other > 1 };
    };
    return { at, place, marks: marks.map((value) => at.x(scale.place(value))) };
  }

  const paint = makeCanvas(plane, (context, _, height) => {
    const { at, place, marks } = layout(), { chosen, last } = inFront(runs);
    const rest = runs.filter((run) => !choice.has(run) && !last.includes(run));
    at.draw(context, chart().across, chart().up);
    drawMarks(context, marks, height);
    context.globalAlpha = 0.4;
    for (const point of pointsIn(rest)) drawPoint(context, place(point), 2, colours.of("--axis"));
    context.globalAlpha = 0.9;
    joinTrials(context, chosen, place, 1);
    for (const point of pointsIn(chosen)) drawPoint(context, place(point), 3 + point.rung, colours.ofRun(point.runs[0]));
    context.globalAlpha = 1;
    drawSteps(context, chart().steps.map((point) => [place(point).x, place(point).y]));
    joinTrials(context, last, place, 3);
    for (const point of pointsIn(last)) {
      drawPoint(context, place(point), 7 + point.rung, colours.of("--ink"));
      drawPoint(context, place(point), 5 + point.rung, colours.ofRun(point.runs[0]));
    }
    context.textAlign = "left";
    for (const point of chart().named) writeText(context, String(point.trial), place(point).x + 10, place(point).y - 6, "--ink");
    if (dragged) drawBox(context, dragged);
    note.textContent = noteOf(search.points.some((point) => place(point).isBeyond));
  });

  /** @param {number[]} group */
  function pointsIn(group) {
    const wanted = new Set(group);
    return search.points.filter((point) => point.runs.some((run) => wanted.has(run)));
  }

  /**
   * Join the points of each trial where the chart joins no others.
   * @param {CanvasRenderingContext2D} context
   * @param {number[]} group
   * @param {ReturnType<typeof layout>["place"]} place
   * @param {number} thickness
   */
  function joinTrials(context, group, place, thickness) {
    if (chart().steps.length) return;
    context.lineWidth = thickness;
    for (const points of Map.groupBy(pointsIn(group), ({ trial }) => trial).values()) {
      context.beginPath();
      for (const point of points) context.lineTo(place(point).x, place(point).y);
      context.strokeStyle = colours.ofRun(points[0].runs[0]);
      context.stroke();
    }
  }

  /** @param {boolean} isCut */
  function noteOf(isCut) {
    const without = search.trials - new Set(search.points.map(({ trial }) => trial)).size;
    const lines = [chart().note, `rungs at epoch ${search.rungs.join(", ")}, a larger point at a later one`,
      isCut ? "▲ is beyond the chart" : "", without ? `${without} of ${search.trials} trials have no value` : ""];
    return lines.filter(Boolean).join("; ");
  }

  plane.addEventListener("pointerdown", (event) => {
    const box = plane.getBoundingClientRect(), { place } = layout();
    /** @param {PointerEvent} each */
    const point = (each) => [each.clientX - box.left, each.clientY - box.top];
    const start = point(event);
    follow(plane, event, (each) => {
      const now = point(each);
      const [left, right] = [start[0], now[0]].sort((a, b) => a - b), [top, bottom] = [start[1], now[1]].sort((a, b) => a - b);
      dragged = [left, top, right, bottom];
      const inside = search.points.filter((each) => {
        const { x, y } = place(each);
        return x >= left && x <= right && y >= top && y <= bottom;
      });
      choice.choose(inside.flatMap(({ runs }) => runs));
    }, () => {}, () => {
      dragged = null;
      paint();
    });
  });
  steer(plane, {
    isBrushed: true,
    near(x, y) {
      const { place } = layout();
      /** @param {TrialPoint} point */
      const distance = (point) => Math.hypot(place(point).x - x, place(point).y - y);
      return nearest(inFront(runs), (run) => Math.min(...(pointsOf.get(run) ?? []).map(distance)));
    },
    order: () => runs.filter((run) => choice.has(run)),
    say(run) {
      const points = pointsOf.get(run) ?? [];
      const reached = points.map(({ rung, values }) => `epoch ${search.rungs[rung]}: ${values.map(written).join(", ")}`);
      return [`trial ${points[0].trial}`, ...reached].join(" · ");
    },
  });
  choice.subscribe(inTurn(paint));
  keepControl("search", select);
}

/** Draw dotted lines down the chart. @param {CanvasRenderingContext2D} context @param {number[]} places @param {number} height */
function drawMarks(context, places, height) {
  context.save();
  context.setLineDash([2, 3]);
  context.strokeStyle = colours.of("--axis");
  context.lineWidth = 1;
  for (const x of places) context.strokeRect(x, MARGIN.top, 0, height - MARGIN.top - MARGIN.bottom);
  context.restore();
}

/** Draw what is being selected. @param {CanvasRenderingContext2D} context @param {number[]} box  left, top, right and bottom */
function drawBox(context, [left, top, right, bottom]) {
  context.lineWidth = 1;
  context.strokeStyle = colours.of("--link");
  context.strokeRect(left, top, right - left, bottom - top);
}

/**
 * Draw a point, or a triangle where it is beyond the chart.
 * @param {CanvasRenderingContext2D} context
 * @param {{x: number, y: number, isBeyond: boolean}} at
 * @param {number} radius
 * @param {string} colour
 */
function drawPoint(context, { x, y, isBeyond }, radius, colour) {
  context.beginPath();
  if (isBeyond) for (const [across, down] of [[0, -1], [1, 1], [-1, 1]]) context.lineTo(x + radius * across, y + radius * down);
  else context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
}
