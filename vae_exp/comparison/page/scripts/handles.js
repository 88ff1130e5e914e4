const GRIP = 4;
/** Pixels that a pointer moves before it drags. */

/**
 * Return a name that a narrow line breaks after `/`, `.` and `_`, before it breaks words.
 * @param {string} name
 */
function breakable(name) {
  return name.split(/(?<=[/._])/).flatMap((part) => [part, make("wbr")]);
}

/**
 * The controls of an axis: its name, which can be moved, and the limits of what is chosen, which can be dragged.
 * @param {Axis} axis
 * @param {(step: number) => void} move  moves the axis so many places to the right
 * @param {(event: PointerEvent) => void} drag  moves it below the pointer
 */
function makeHandles(axis, move, drag) {
  const band = make("div", { class: "band" });
  const low = makeThumb("lowest"), high = makeThumb("highest");
  const strip = make("div", { class: "strip" }, band, high, low);
  const about = `${axis.meaning ? `${axis.meaning} ` : ""}Drag it, or press an arrow key, to move the axis.`;
  const name = make("button", { type: "button", class: "axis-name", title: about }, ...breakable(axis.name));
  const element = make("div", { class: "axis", role: "group", "aria-label": axis.name }, name, strip);

  /** Return the places of the limits; the ends of the axis where there are none. */
  function limits() {
    const set = choice.state.brushes.get(axis.key);
    return set ? set.map(axis.scale.place) : [0, 1];
  }

  /** @param {number} one @param {number} other */
  function set(one, other) {
    const isAll = Math.min(one, other) < END && Math.max(one, other) > 1 - END;
    brush({ [axis.key]: isAll ? null : limitsBetween(axis, one, other) });
  }

  /** @param {string} which */
  function makeThumb(which) {
    const thumb = make("div", { class: `thumb ${which}`, role: "slider", tabindex: "0", "aria-orientation": "vertical",
      "aria-label": `${which} ${axis.name}`, "aria-valuemin": "0", "aria-valuemax": "100" });
    thumb.addEventListener("keydown", (event) => {
      const at = limits(), own = which === "lowest" ? 0 : 1;
      const to = placeAfter(event.key, at[own]);
      if (to === undefined) return;
      event.preventDefault();
      if (to === null) brush({ [axis.key]: null });
      else if (own ? to >= at[0] : to <= at[1]) own ? set(at[0], to) : set(to, at[1]);
    });
    return thumb;
  }

  /**
   * Return where a key moves a limit to; null where it removes both, undefined where it does nothing.
   * @param {string} key
   * @param {number} from
   */
  function placeAfter(key, from) {
    if (key === "ArrowUp" || key === "ArrowRight") return axis.stops.find((stop) => stop > from + 1e-9) ?? 1;
    if (key === "ArrowDown" || key === "ArrowLeft") return axis.stops.findLast((stop) => stop < from - 1e-9) ?? 0;
    if (key === "Home") return 0;
    if (key === "End") return 1;
    return key === "Escape" || key === "Delete" ? null : undefined;
  }

  strip.addEventListener("click", (event) => event.stopPropagation());
  strip.addEventListener("pointerdown", (event) => {
    const box = strip.getBoundingClientRect();
    /** @param {PointerEvent} each */
    const place = (each) => Math.min(1, Math.max(0, (box.bottom - each.clientY) / box.height));
    const [from, to] = limits(), start = place(event), has = choice.state.brushes.has(axis.key);
    const isInside = has && start > from && start < to;
    const anchor = event.target === low ? to : event.target === high ? from : start;
    const isThumb = event.target === low || event.target === high;
    follow(strip, event, (each) => {
      const by = Math.min(1 - to, Math.max(-from, place(each) - start));
      if (isInside && !isThumb) set(from + by, to + by);
      else set(anchor, place(each));
    }, () => { if (!isThumb) brush({ [axis.key]: null }); });
  });
  name.addEventListener("pointerdown", (event) => follow(name, event, drag, () => {}));
  name.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    move(step);
    name.focus();
  });

  /** Show the limits where they are now. */
  function update() {
    const [from, to] = limits();
    const isSet = choice.state.brushes.has(axis.key);
    element.classList.toggle("set", isSet);
    band.style.bottom = low.style.bottom = `${from * 100}%`;
    high.style.bottom = `${to * 100}%`;
    band.style.height = `${(to - from) * 100}%`;
    for (const [thumb, place] of /** @type {[HTMLElement, number][]} */ ([[low, from], [high, to]])) {
      thumb.setAttribute("aria-valuenow", String(Math.round(place * 100)));
      thumb.setAttribute("aria-valuetext", written(axis.scale.value(place)));
    }
  }

  return { axis, element, update };
}

/**
 * Follow a pointer from where it is pressed to where it is released. Where the browser takes it, to scroll, the choice is
 * what it was before.
 * @param {HTMLElement} element
 * @param {PointerEvent} start
 * @param {(event: PointerEvent) => void} dragged  called for each step of more than a few pixels from the beginning
 * @param {() => void} clicked  called at the end where it was no drag
 * @param {() => void} [ended]  called at the end of a drag
 */
function follow(element, start, dragged, clicked, ended = () => {}) {
  if (start.button) return;
  let isDrag = false;
  const { chosen, brushes } = choice.state;
  const ending = new AbortController();
  element.setPointerCapture(start.pointerId);
  element.addEventListener("pointermove", (event) => {
    isDrag ||= Math.hypot(event.clientX - start.clientX, event.clientY - start.clientY) > GRIP;
    if (isDrag) dragged(event);
  }, ending);
  element.addEventListener("pointerup", () => {
    ending.abort();
    if (!isDrag) return clicked();
    ended();
    element.addEventListener("click", stop, true);
    setTimeout(() => element.removeEventListener("click", stop, true));
  }, ending);
  element.addEventListener("pointercancel", () => {
    ending.abort();
    if (isDrag) choice.set({ chosen, brushes });
    ended();
  }, ending);
}

/** @param {Event} event */
function stop(event) {
  event.stopImmediatePropagation();
}
