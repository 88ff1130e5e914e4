/** Side of the plot in its own units, and the radius of a point. */
const SIDE = 400, RADIUS = 2.6;
/** Labels beyond the tenth have the colours of the first ten again, as triangles. */
const DISCS = 10;
/** Points of one label are drawn in so many turns with those of the others, so that none lies on top of all. */
const TURNS = 6;
/** Labels whose names are written among their points. */
const MOST_WRITTEN = 12;

/**
 * Draw codes in two dimensions, the prior's first two standard deviations, and a point that a hand or a key moves.
 * @param {HTMLElement} element
 * @param {Codes} codes
 * @param {(change: Map<number, number>) => void} move  takes the new coordinates of the point, by dimension
 */
function showCloud(element, codes, move) {
  const plot = find(element, "svg", SVGSVGElement);
  const marker = drawn("circle", { class: "marker", r: "8" });
  const path = drawn("polyline", { class: "path" });
  let [across, up] = [0, 0];

  /**
   * Return a new element of the plot, with a text in it.
   * @param {string} tag
   * @param {Record<string, string>} attributes
   * @param {string} [text]
   */
  function drawn(tag, attributes, text = "") {
    const made = document.createElementNS(plot.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(text);
    return made;
  }

  /** Return where a coordinate is in the plot. @param {number} value */
  const place = (value) => (SIDE / 2) * (1 + value / codes.reach);
  /** @param {number} place */
  const value = (place) => codes.reach * (2 * place - 1);
  /** @param {ArrayLike<number>} z */
  const x = (z) => place(z[across]);
  /** Points of one dimension are spread out by chance. @param {ArrayLike<number>} z @param {number} i */
  const y = (z, i = 0) => (up === across ? SIDE * (0.1 + 0.8 * ((i * 0.618) % 1)) : SIDE - place(z[up]));

  function drawPoints() {
    const paths = Array.from({ length: TURNS }, () => /** @type {Map<number, string[]>} */ (new Map()));
    for (let i = 0; i < codes.count; i++) {
      const label = codes.labels && codes.colours?.length ? codes.labels[i] : -1;
      const turn = paths[i % TURNS];
      if (!turn.has(label)) turn.set(label, []);
      turn.get(label)?.push(mark(x(codes.at(i)), y(codes.at(i), i), label));
    }
    return paths.flatMap((turn) => [...turn].map(([label, marks]) => {
      const kind = label < DISCS ? "points" : "points triangles";
      const style = label < 0 ? "" : `--own: ${codes.colours?.[label]}`;
      return drawn("path", { class: kind, style, d: marks.join("") });
    }));
  }

  function drawPrior() {
    const sigmas = up === across ? [] : [1, 2];
    return sigmas.map((sigma) => drawn("circle", { class: "prior", cx: `${SIDE / 2}`, cy: `${SIDE / 2}`, r: `${place(sigma) - SIDE / 2}` }));
  }

  /** Write each class's name in the middle of its points, where none is written before it. */
  function drawNames() {
    if (!codes.labels || !codes.colours?.length || codes.colours.length > MOST_WRITTEN) return [];
    /** @type {[number, number][]} */
    const taken = [];
    return (codes.names ?? []).flatMap((name, label) => {
      const own = Array.from({ length: codes.count }, (_, i) => i).filter((i) => codes.labels?.[i] === label);
      if (!own.length) return [];
      const at = /** @type {[number, number]} */ ([median(own.map((i) => x(codes.at(i)))), median(own.map((i) => y(codes.at(i), i)))]);
      if (taken.some((other) => Math.abs(other[0] - at[0]) < 4 * (name.length + 2) && Math.abs(other[1] - at[1]) < 14)) return [];
      taken.push(at);
      return [drawn("text", { class: "name", x: `${at[0]}`, y: `${at[1]}` }, name)];
    });
  }

  /** @param {PointerEvent} event */
  function moveTo(event) {
    const box = plot.getBoundingClientRect();
    const at = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    const [right, above] = at.map((each) => value(Math.min(1, Math.max(0, each))));
    move(up === across ? new Map([[across, right]]) : new Map([[across, right], [up, above]]));
  }

  element.onpointerdown = (event) => {
    if (event.button) return;
    element.setPointerCapture(event.pointerId);
    moveTo(event);
  };
  element.onpointermove = (event) => {
    if (element.hasPointerCapture(event.pointerId)) moveTo(event);
  };

  return {
    /**
     * Show these two dimensions; of one, both are the same.
     * @param {number} right
     * @param {number} above
     */
    show(right, above) {
      [across, up] = [right, above];
      const names = [drawn("text", { class: "axis", x: `${SIDE - 6}`, y: `${SIDE - 8}`, "text-anchor": "end" }, latentName(across))];
      if (up !== across) names.push(drawn("text", { class: "axis", x: "6", y: "16" }, latentName(up)));
      plot.replaceChildren(...drawPrior(), ...drawPoints(), ...drawNames(), ...names, path, marker);
    },

    /** Put the point there. @param {Float32Array} z */
    place(z) {
      marker.setAttribute("cx", `${x(z)}`);
      marker.setAttribute("cy", `${up === across ? SIDE / 2 : y(z)}`);
    },

    /** Draw the way between latent points. @param {Float32Array[]} points */
    draw(points) {
      path.setAttribute("points", points.map((z) => `${x(z)},${up === across ? SIDE / 2 : y(z)}`).join(" "));
    },
  };
}

/**
 * Return a part of a path: a disc, which is a line of no length with round ends, or a triangle.
 * @param {number} x
 * @param {number} y
 * @param {number} label
 */
function mark(x, y, label) {
  const at = `M${x.toFixed(1)},${y.toFixed(1)}`;
  return label < DISCS ? `${at}h0` : `${at}m0,${-RADIUS}l${RADIUS},${2 * RADIUS}h${-2 * RADIUS}z`;
}

/** @param {number[]} values */
function median(values) {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/**
 * Return the name of a latent dimension; they count from 1.
 * @param {number} dimension
 */
function latentName(dimension) {
  return `z${String(dimension + 1).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[+digit])}`;
}
