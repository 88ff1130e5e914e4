/**
 * A run that can be decoded in the page.
 * @typedef {object} Decodable
 * @property {number} run  its number
 * @property {number[]} runs  the numbers of all runs of its configuration
 * @property {string} label
 * @property {DecoderData} decoder
 * @property {CodesData} codes
 */

/** @typedef {ReturnType<typeof makeLatent>} Latent */

/** Part of the reach of an axis that an arrow key moves the point by, and milliseconds until it is announced. */
const STEP = 1 / 50, REST = 600;

/**
 * Make a view of a latent space: codes, a point among them, sliders, and the image that the point is decoded to.
 * @param {HTMLElement} element  a copy of the page's template
 * @param {Decodable[]} runs
 * @param {() => void} changed  called when another run is shown
 */
function makeLatent(element, runs, changed) {
  const [runOf, across, up] = findAll(element, "select", HTMLSelectElement);
  const area = find(element, ".cloud", HTMLElement);
  const status = find(element, "[role=status]", HTMLElement);
  const paint = makePicture(find(element, "canvas", HTMLCanvasElement));
  runOf.append(...runs.map(({ label }, i) => make("option", { value: String(i) }, label)));
  let shown = open(runs[0]);
  let way = { from: 0, to: 0, part: 0 };
  let frame = 0, rest = 0;

  /** @param {Decodable} run */
  function open(run) {
    const codes = readCodes(run.codes);
    const cloud = showCloud(area, codes, move);
    const sliders = showSliders(find(element, ".dimensions", HTMLElement), codes, move);
    return { run, codes, cloud, sliders, decode: makeDecoder(run.decoder), z: Float32Array.from(codes.at(0)) };
  }

  /**
   * Show a run, in the two dimensions that it uses most, where the walk is.
   * @param {number} i  its place among those that can be decoded
   */
  function show(i) {
    shown = open(runs[i]);
    const { codes, cloud, run } = shown;
    runOf.value = String(i);
    const names = codes.used.map((d) => [String(d), latentName(d)]).sort((a, b) => +a[0] - +b[0]);
    for (const select of [across, up]) select.replaceChildren(...names.map(([value, name]) => make("option", { value }, name)));
    [across.value, up.value] = [0, 1].map((k) => codes.used[k] ?? codes.used[0]).sort((a, b) => a - b).map(String);
    area.setAttribute("aria-label", `Latent space of ${run.label}. Arrow keys move the point, Enter takes it to the nearest code.`);
    showLegend(find(element, ".legend", HTMLElement), codes);
    up.labels[0].hidden = codes.dimensions === 1;
    showDimensions();
    walk(way);
    changed();
  }

  function showDimensions() {
    const { codes, cloud, z } = shown;
    cloud.show(+across.value, +up.value);
    cloud.draw(ends().map(codes.at));
    cloud.place(z);
  }

  /** Return the numbers of the codes that the walk goes between, of which another run may have more. */
  function ends() {
    return [way.from, way.to].map((i) => Math.min(i, shown.codes.count - 1));
  }

  /**
   * Draw the way between the codes of two images, and take the point to a part of it.
   * @param {{from: number, to: number, part: number}} next  the part is from 0 to 1
   */
  function walk(next) {
    way = next;
    const [a, b] = ends().map(shown.codes.at);
    shown.cloud.draw([a, b]);
    shown.z.set(a.map((value, d) => value + way.part * (b[d] - value)));
    update();
  }

  /** Change some coordinates of the point. @param {Map<number, number>} change */
  function move(change) {
    for (const [dimension, value] of change) shown.z[dimension] = value;
    update();
  }

  function update() {
    cancelAnimationFrame(frame);
    settings.changed();
    frame = requestAnimationFrame(() => {
      const { cloud, sliders, z, decode, run } = shown;
      cloud.place(z);
      sliders.place(z);
      paint(decode(z), run);
    });
    clearTimeout(rest);
    rest = setTimeout(sayNearest, REST);
  }

  function sayNearest() {
    const { codes, z } = shown;
    const i = codes.nearestTo(z), name = codes.nameOf(i);
    status.textContent = `Nearest: ${name && `“${name}”, `}${codes.split} image ${i + 1}`;
  }

  /** Take the point to the code of an image. @param {number} i */
  function goTo(i) {
    shown.z.set(shown.codes.at(i));
    update();
  }

  area.addEventListener("keydown", (event) => {
    const step = shown.codes.reach * STEP * (event.shiftKey ? 5 : 1);
    /** @type {Record<string, [number, number]>} */
    const ways = { ArrowLeft: [+across.value, -step], ArrowRight: [+across.value, step], ArrowDown: [+up.value, -step], ArrowUp: [+up.value, step] };
    if (event.key === "Enter") goTo(shown.codes.nearestTo(shown.z));
    else if (event.key in ways) {
      const [dimension, by] = ways[event.key];
      move(new Map([[dimension, Math.min(shown.codes.reach, Math.max(-shown.codes.reach, shown.z[dimension] + by))]]));
    } else return;
    event.preventDefault();
  });

  /** Return the run's id, the two dimensions that are shown, and the point. */
  function read() {
    const dimensions = [across, up].map((select) => String(+select.value + 1));
    return [data.runs[shown.run.run].id, ...dimensions, ...Array.from(shown.z, (value) => String(+value.toFixed(3)))];
  }

  /** Show what `read` returned; what is no run, no dimension or no point here is ignored. @param {string[]} values */
  function restore([id, right, above, ...point]) {
    const i = runs.findIndex(({ run }) => data.runs[run].id === id);
    if (i < 0) return;
    if (i !== runs.indexOf(shown.run)) show(i);
    const dimensions = [right, above].map((text) => Number(text) - 1);
    if (dimensions.every((dimension) => shown.codes.used.includes(dimension))) {
      [across.value, up.value] = dimensions.map(String);
      showDimensions();
    }
    const { reach, dimensions: count } = shown.codes, z = point.map(Number);
    if (z.length === count && z.every((value) => Math.abs(value) <= reach)) move(new Map(z.entries()));
  }

  runOf.addEventListener("change", () => show(+runOf.value));
  for (const select of [across, up]) {
    select.addEventListener("change", () => {
      showDimensions();
      settings.changed();
    });
  }
  find(element, "button", HTMLButtonElement).addEventListener("click", () => goTo(shown.codes.nearestTo(shown.z)));

  return {
    show,
    walk,
    read,
    restore,
    get codes() { return shown.codes; },
    /** Return the place of its run among those that can be decoded. */
    get shown() { return runs.indexOf(shown.run); },
  };
}
