/**
 * What a view knows of its runs.
 * @typedef {object} View
 * @property {(x: number, y: number) => number | null} near  the run that is drawn at a point, or close to it
 * @property {() => number[]} order  the runs that are drawn, in the order in which arrow keys go through them
 * @property {(run: number, x: number) => string} say  the text of the hint for a run at a point
 * @property {boolean} [isBrushed]  whether a drag selects runs; otherwise a finger that is dragged points at them
 */

/**
 * Let a reader point at the runs of a view, and open or choose them, with a pointer and with keys.
 * @param {HTMLElement} element
 * @param {View} view
 */
function steer(element, view) {
  /** @param {MouseEvent} event */
  const pointed = (event) => {
    const box = element.getBoundingClientRect();
    const x = event.clientX - box.left;
    const run = view.near(x, event.clientY - box.top);
    choice.set({ pointed: run });
    if (run === null) hint.hide();
    else hint.show(run, view.say(run, x), event.clientX, event.clientY);
    element.classList.toggle("on-run", run !== null);
    return run;
  };
  const leave = () => {
    choice.set({ pointed: null });
    hint.hide();
  };
  element.addEventListener("pointermove", (event) => {
    if (!event.buttons || (event.pointerType === "touch" && !view.isBrushed)) pointed(event);
  });
  element.addEventListener("pointerleave", leave);
  element.addEventListener("blur", leave);
  element.addEventListener("click", (event) => {
    const run = pointed(event);
    if (/** @type {PointerEvent} */ (event).pointerType === "touch") leave();  // no finger moves away from there
    if (run === null) return;
    if (event.shiftKey || event.ctrlKey || event.metaKey) choice.toggle([run]);
    else choice.set({ opened: run });
  });
  element.addEventListener("keydown", (event) => {
    if (event.target !== element) return;
    if (key(event.key)) event.preventDefault();
  });

  /** @param {string} name */
  function key(name) {
    const run = choice.state.pointed;
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[name];
    if (step) return go(step);
    if (run === null) return false;
    if (name === "Enter") choice.set({ opened: run });
    else if (name === " ") choice.toggle([run]);
    else if (name === "Escape") leave();
    else return false;
    return true;
  }

  /** @param {number} step */
  function go(step) {
    const order = view.order();
    const at = order.indexOf(choice.state.pointed ?? -1);
    const run = order[at < 0 ? 0 : (at + step + order.length) % order.length];
    if (run === undefined) return false;
    const box = element.getBoundingClientRect();
    choice.set({ pointed: run });
    hint.show(run, view.say(run, 0), box.left + 40, box.top + 4);
    return true;
  }
}

/**
 * Return the runs that a view draws in colour: chosen ones, with the one below the pointer and the opened one last.
 * @param {Iterable<number>} runs
 */
function inFront(runs) {
  const { opened, pointed } = choice.state;
  const last = [opened, pointed].filter((run) => run !== null);
  return { chosen: [...runs].filter((run) => choice.has(run) && !last.includes(run)), last: [...new Set(last)] };
}
