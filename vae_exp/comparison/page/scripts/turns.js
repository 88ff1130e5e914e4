const PAUSE = 200;
/** Milliseconds without a change after which a choice rests. */

/** Views that wait to be drawn. */
const waiting = /** @type {Set<() => void>} */ (new Set());

/**
 * Return what lets a view be drawn in one of the next frames. Each frame draws one of those that wait, so that what is
 * dragged stays smooth, however many runs there are.
 * @param {() => void} draw
 */
function inTurn(draw) {
  return () => {
    if (!waiting.size) requestAnimationFrame(drawNext);
    waiting.add(draw);
  };
}

function drawNext() {
  const [next] = waiting;
  waiting.delete(next);
  if (waiting.size) requestAnimationFrame(drawNext);
  next();
}

/**
 * Return a function that calls another once it was not called itself for a moment.
 * @param {() => void} call
 */
function atRest(call) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(call, PAUSE);
  };
}
