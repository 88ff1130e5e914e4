const EDGE = { top: 58, bottom: 16, side: 54 };
/** Pixels between the axes and the edges of their plane. */
const LEAST_APART = 92;
/** Pixels between two axes. */

/**
 * Show parallel coordinates: a line for each run through its values on all axes.
 * @param {HTMLElement} root
 */
function showLines(root) {
  const plane = find(root, ".plane", HTMLElement);
  let shown = axesOf(data.axes).map(handlesOf);

  /** @param {Axis} axis @returns {ReturnType<typeof makeHandles>} */
  function handlesOf(axis) {
    const handles = makeHandles(axis, (step) => put(handles, shown.indexOf(handles) + step), (event) => {
      const x = event.clientX - plane.getBoundingClientRect().left;
      put(handles, Math.round((x - EDGE.side) / gap));
    });
    return handles;
  }

  /** @param {ReturnType<typeof makeHandles>} handles @param {number} to */
  function put(handles, to) {
    const others = shown.filter((each) => each !== handles);
    const at = Math.max(0, Math.min(others.length, to));
    if (shown[at] === handles) return;
    shown = others.toSpliced(at, 0, handles);
    arrange();
  }

  let [gap, depth] = [1, 1];
  /** @param {number} i */
  const across = (i) => EDGE.side + i * gap;
  /** @param {number} i @param {number} run */
  const down = (i, run) => EDGE.top + (1 - shown[i].axis.places[run]) * depth;

  /** Lay the axes out in their order, without taking the focus from them. */
  function arrange() {
    plane.style.minWidth = `${2 * EDGE.side + (shown.length - 1) * LEAST_APART}px`;
    for (const old of findAll(plane, ".axis", HTMLElement)) {
      if (!shown.some(({ element }) => element === old)) old.remove();
    }
    shown.forEach(({ element }) => { if (!element.isConnected) plane.append(element); });
    place();
    paint();
    settings.changed();
  }

  /** Place the axes in the plane as wide as it is now. */
  function place() {
    gap = (plane.clientWidth - 2 * EDGE.side) / Math.max(1, shown.length - 1);
    depth = plane.clientHeight - EDGE.top - EDGE.bottom;
    shown.forEach(({ element, update }, i) => {
      element.style.left = `${across(i)}px`;
      update();
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {number} run */
  function trace(context, run) {
    let isDown = false;
    for (let i = 0; i < shown.length; i++) {
      const y = down(i, run);
      if (isNaN(y)) isDown = false;
      else if (isDown) context.lineTo(across(i), y);
      else { context.moveTo(across(i), y); isDown = true; }
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number[]} runs @param {string} colour */
  function stroke(context, runs, colour) {
    context.beginPath();
    for (const run of runs) trace(context, run);
    context.strokeStyle = colour;
    context.stroke();
  }

  const paint = makeCanvas(plane, (context, width) => {
    if (width !== painted) { painted = width; place(); }
    const { chosen, last } = inFront(data.runs.keys());
    context.lineWidth = 1;
    if (choice.isMade) {
      context.globalAlpha = 0.25;
      stroke(context, data.runs.flatMap((_, run) => choice.has(run) ? [] : [run]), colours.of("--axis"));
    }
    context.globalAlpha = Math.min(0.9, Math.max(0.25, 12 / Math.sqrt(chosen.length)));
    context.lineWidth = chosen.length > 100 ? 1 : 1.5;
    for (const [row, runs] of Map.groupBy(chosen, (run) => data.runs[run].row)) stroke(context, runs, colours.of(data.shades[row]));
    context.globalAlpha = 1;
    for (const run of last) {
      context.lineWidth = 6;
      stroke(context, [run], colours.of("--paper"));
      context.lineWidth = 3;
      stroke(context, [run], colours.ofRun(run));
    }
    drawAxes(context);
  });
  let painted = 0;

  /** @param {CanvasRenderingContext2D} context */
  function drawAxes(context) {
    shown.forEach(({ axis }, i) => {
      context.lineWidth = 1;
      context.strokeStyle = colours.of("--axis");
      context.strokeRect(across(i), EDGE.top, 0, depth);
      context.textAlign = i === shown.length - 1 ? "left" : "right";
      for (const tick of axis.scale.ticks(Math.floor(depth / 36))) {
        const y = EDGE.top + (1 - axis.scale.place(tick)) * depth;
        writeText(context, written(tick).slice(0, 12), across(i) + (i === shown.length - 1 ? 6 : -6), y + 4);
      }
    });
  }

  steer(plane, {
    near(x, y) {
      const i = Math.min(shown.length - 2, Math.max(0, Math.floor((x - EDGE.side) / gap)));
      const part = (x - across(i)) / gap;
      if (shown.length < 2 || part < 0 || part > 1) return null;
      return nearest(inFront(data.runs.keys()), (run) => Math.abs(down(i, run) * (1 - part) + down(i + 1, run) * part - y));
    },
    order: () => data.foremost.filter((run) => choice.has(run)),
    say: (run) => shown.filter(({ axis }) => !axis.isKey).slice(0, 3)
      .map(({ axis }) => `${axis.name} ${written(axis.values[run])}`).join(" · "),
  });
  const boxes = offerAxes(find(root, "fieldset", HTMLFieldSetElement));
  settings.add("axes", () => shown.map(({ axis }) => axis.key), (keys) => {
    const wanted = axesOf(keys);
    if (!wanted.length) return;
    shown = wanted.map((axis) => shown.find((handles) => handles.axis === axis) ?? handlesOf(axis));
    for (const [axis, box] of boxes) box.checked = wanted.includes(axis);
    arrange();
  });
  choice.subscribe(() => {
    shown.forEach(({ update }) => update());
    paint();
  });
  arrange();

  /**
   * Offer all axes to be shown, and return the box of each.
   * @param {HTMLFieldSetElement} list
   */
  function offerAxes(list) {
    return [...axes.values()].map((axis) => {
      const box = make("input", { type: "checkbox" });
      box.checked = shown.some((handles) => handles.axis === axis);
      box.addEventListener("change", () => {
        shown = box.checked ? [...shown, handlesOf(axis)] : shown.filter((handles) => handles.axis !== axis);
        if (!box.checked && choice.state.brushes.has(axis.key)) brush({ [axis.key]: null });
        arrange();
      });
      list.append(make("label", { title: axis.meaning }, box, axis.name));
      return /** @type {[Axis, HTMLInputElement]} */ ([axis, box]);
    });
  }
}

/**
 * Return the axes of these keys, each once; those of other keys are left out.
 * @param {string[]} keys
 */
function axesOf(keys) {
  return [...new Set(keys)].flatMap((key) => axes.get(key) ?? []);
}

const CLOSE = 14;
/** Pixels from a run within which a pointer is at it. */

/**
 * Return the run that is closest by a distance in pixels; null where none is close.
 * @param {{chosen: number[], last: number[]}} runs
 * @param {(run: number) => number} distance
 */
function nearest({ chosen, last }, distance) {
  let [found, least] = [/** @type {number | null} */ (null), CLOSE];
  for (const run of [...last, ...chosen]) {
    const far = distance(run);
    if (far < least) [found, least] = [run, far];
  }
  return found;
}
