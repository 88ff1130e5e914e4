/**
 * Show one column against another: a point for each run.
 * @param {HTMLElement} root
 */
function showScatter(root) {
  const plane = find(root, ".plane", HTMLElement);
  const [first, second] = [...root.querySelectorAll("select")];
  const withFront = find(root, "input", HTMLInputElement);
  for (const [select, start] of /** @type {[HTMLSelectElement, string][]} */ ([[first, data.starts[0]], [second, data.starts[1]]])) {
    for (const axis of axes.values()) select.append(make("option", { value: axis.key }, axis.name));
    select.value = start;
    select.addEventListener("change", () => paint());
  }
  withFront.addEventListener("change", () => paint());

  const across = () => /** @type {Axis} */ (axes.get(first.value));
  const up = () => /** @type {Axis} */ (axes.get(second.value));
  const frame = () => makeFrame(plane.clientWidth, plane.clientHeight, across().scale, up().scale);
  /** @param {number} run */
  const hasPoint = (run) => !isNaN(across().places[run] + up().places[run]);
  const points = () => data.foremost.filter(hasPoint);

  const paint = makeCanvas(plane, (context, width, height) => {
    const [one, other] = [across(), up()];
    const at = makeFrame(width, height, one.scale, other.scale);
    const runs = points(), { chosen, last } = inFront(runs);
    /** @param {number} run @param {number} radius @param {string} colour */
    const dot = (run, radius, colour) => {
      context.beginPath();
      context.arc(at.x(one.places[run]), at.y(other.places[run]), radius, 0, 2 * Math.PI);
      context.fillStyle = colour;
      context.fill();
    };
    at.draw(context, one.name, other.name);
    context.globalAlpha = 0.4;
    context.fillStyle = colours.of("--axis");
    for (const run of runs) if (!choice.has(run)) context.fillRect(at.x(one.places[run]) - 2, at.y(other.places[run]) - 2, 4, 4);
    context.globalAlpha = 1;
    if (withFront.checked) drawFront(context, at, front(runs.filter((run) => choice.has(run)), one.places, other.places));
    context.globalAlpha = chosen.length > 200 ? 0.6 : 0.9;
    for (const run of chosen) dot(run, chosen.length > 200 ? 3 : 4.5, colours.ofRun(run));
    context.globalAlpha = 1;
    for (const run of last.filter(hasPoint)) {
      dot(run, 8, colours.of("--ink"));
      dot(run, 6, colours.ofRun(run));
    }
    drawLimits(context, at);
  });

  /** @param {CanvasRenderingContext2D} context @param {ReturnType<typeof makeFrame>} at @param {number[]} runs */
  function drawFront(context, at, runs) {
    drawSteps(context, runs.map((run) => [at.x(across().places[run]), at.y(up().places[run])]));
  }

  /** Draw what is chosen by the two columns. @param {CanvasRenderingContext2D} context @param {ReturnType<typeof makeFrame>} at */
  function drawLimits(context, at) {
    const [one, other] = [across(), up()].map((axis) => choice.state.brushes.get(axis.key)?.map(axis.scale.place));
    if (!one && !other) return;
    const [left, right] = one ?? [0, 1], [low, high] = other ?? [0, 1];
    context.lineWidth = 1;
    context.strokeStyle = colours.of("--link");
    context.strokeRect(at.x(left) - 2, at.y(high) - 2, at.x(right) - at.x(left) + 4, at.y(low) - at.y(high) + 4);
  }

  plane.addEventListener("pointerdown", (event) => {
    const box = plane.getBoundingClientRect(), at = frame();
    /** @param {PointerEvent} each */
    const places = (each) => [at.acrossAt(each.clientX - box.left), at.upAt(each.clientY - box.top)];
    const start = places(event);
    follow(plane, event, (each) => {
      const now = places(each);
      brush({
        [second.value]: limitsBetween(up(), start[1], now[1]),
        [first.value]: limitsBetween(across(), start[0], now[0]),
      });
    }, () => { if (choice.state.pointed === null) brush({ [first.value]: null, [second.value]: null }); });
  });
  steer(plane, {
    isBrushed: true,
    near(x, y) {
      const at = frame(), [one, other] = [across().places, up().places];
      return nearest(inFront(points()), (run) => hasPoint(run) ? Math.hypot(at.x(one[run]) - x, at.y(other[run]) - y) : Infinity);
    },
    order: () => points().filter((run) => choice.has(run)).sort((a, b) => across().places[a] - across().places[b]),
    say: (run) => [across(), up()].map((axis) => `${axis.name} ${written(axis.values[run])}`).join(" · "),
  });
  choice.subscribe(inTurn(paint));
  keepControl("across", first);
  keepControl("up", second);
  keepControl("front", withFront);
}

/**
 * Return the Pareto front of both columns, where lower is better, from left to right.
 * @param {number[]} runs
 * @param {Float64Array} across
 * @param {Float64Array} up
 */
function front(runs, across, up) {
  let least = Infinity;
  const ordered = [...runs].sort((a, b) => across[a] - across[b] || up[a] - up[b]);
  return ordered.filter((run) => {
    const isBetter = up[run] < least;
    least = Math.min(least, up[run]);
    return isBetter;
  });
}
