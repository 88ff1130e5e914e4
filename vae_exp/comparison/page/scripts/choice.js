/**
 * What a reader has chosen. Runs are numbers: their places in `data.runs`.
 * @typedef {object} State
 * @property {ReadonlySet<number>} chosen  runs that are told apart from the others; empty where none were chosen
 * @property {number | null} opened  the run whose details are shown
 * @property {number | null} pointed  the run below the pointer
 */

/** The choice of runs, which all views of the page share: a view changes it, and each draws what it has become. */
const choice = (() => {
  /** @type {State} */
  let state = { chosen: new Set(), opened: null, pointed: null };
  /** @type {((state: State, changed: ReadonlySet<keyof State>) => void)[]} */
  const subscribers = [];
  /** @type {Set<keyof State>} */
  const changed = new Set();

  function tell() {
    const now = new Set(changed);
    changed.clear();
    for (const subscriber of subscribers) subscriber(state, now);
  }

  return {
    /** Return what is chosen now. */
    get state() { return state; },

    /**
     * Change some of the choice. Subscribers hear of it once, before the next frame is painted.
     * @param {Partial<State>} change
     */
    set(change) {
      const names = /** @type {(keyof State)[]} */ (Object.keys(change)).filter((name) => change[name] !== state[name]);
      if (names.length && !changed.size) requestAnimationFrame(tell);
      names.forEach((name) => changed.add(name));
      state = { ...state, ...change };
    },

    /**
     * Call a function now, and after each change with the names of what has changed.
     * @param {(state: State, changed: ReadonlySet<keyof State>) => void} subscriber
     */
    subscribe(subscriber) {
      subscribers.push(subscriber);
      subscriber(state, new Set(/** @type {(keyof State)[]} */ (["chosen", "opened", "pointed"])));
    },
  };
})();
