/** Milliseconds of a walk from one code to another. */
const DURATION = 4000;

/**
 * Let views walk from the code of one image to that of another: by hand, or in time.
 * @param {HTMLElement} controls
 * @param {() => Latent[]} views  those that walk: the same images in each
 */
function showWalk(controls, views) {
  const [from, to, part] = findAll(controls, "input", HTMLInputElement);
  const names = findAll(controls, "output", HTMLOutputElement);
  const [others, go] = findAll(controls, "button", HTMLButtonElement);
  let began = 0, frame = 0;

  /** Return the numbers of the codes at both ends, which all views have. */
  function ends() {
    return [from, to].map((input) => Math.min(least(), Math.max(1, Math.round(+input.value))) - 1);
  }

  function walk() {
    const [a, b] = ends();
    for (const view of views()) view.walk({ from: a, to: b, part: +part.value });
    name();
  }

  /** Show the labels of both ends. */
  function name() {
    ends().forEach((i, k) => { names[k].textContent = views()[0].codes.nameOf(i); });
  }

  function stop() {
    cancelAnimationFrame(frame);
    frame = 0;
    go.textContent = "Walk";
  }

  /** @param {number} now */
  function step(now) {
    part.value = String((now - began) / DURATION);
    walk();
    if (now - began < DURATION) frame = requestAnimationFrame(step);
    else stop();
  }

  function start() {
    began = performance.now() - (+part.value < 1 ? +part.value * DURATION : 0);
    frame = requestAnimationFrame(step);
    go.textContent = "Stop";
  }

  /** @param {number} count */
  const byChance = (count) => String(1 + Math.floor(count * Math.random()));

  others.addEventListener("click", () => {
    const count = least();
    [from.value, to.value] = [byChance(count), byChance(count)];
    part.value = "0";
    walk();
  });
  go.addEventListener("click", () => (frame ? stop() : start()));
  for (const input of [from, to, part]) input.addEventListener("input", () => { stop(); walk(); });

  /** Return how many images all views have a code of. */
  const least = () => Math.min(...views().map(({ codes }) => codes.count));

  return {
    /** Start again, with codes in the middle of two labels, where there are labels. */
    reset() {
      const [{ codes }] = views();
      for (const input of [from, to]) input.max = String(least());
      [from.value, to.value] = representatives(codes).map((i) => String(i + 1));
      part.value = "0";
      walk();
    },
    name,
    /** Return the images at both ends, and the part of the way. */
    read: () => [from, to, part].map(({ value }) => value),
    /** Walk there; what is no image or no part is ignored. @param {string[]} values */
    restore(values) {
      const [one, other, way] = values.map(Number);
      if (![one, other].every((image) => Number.isInteger(image) && image >= 1 && image <= least()) || !(way >= 0 && way <= 1)) return;
      [from.value, to.value, part.value] = [one, other, way].map(String);
      walk();
    },
  };
}

/**
 * Return the numbers of two codes: of labels, those nearest to the mean of the first and of the last one.
 * @param {Codes} codes
 */
function representatives(codes) {
  const { labels } = codes;
  if (!labels) return [0, Math.min(1, codes.count - 1)];
  const present = [...new Set(labels)].sort((a, b) => a - b);
  return [present[0], present[present.length - 1]].map((label) => {
    const own = Array.from(labels.keys()).filter((i) => labels[i] === label);
    const mean = Float32Array.from({ length: codes.dimensions }, (_, d) => own.reduce((sum, i) => sum + codes.at(i)[d], 0) / own.length);
    return codes.closest((code, i) => (labels[i] === label ? code.reduce((sum, value, d) => sum + (value - mean[d]) ** 2, 0) : Infinity));
  });
}
