/**
 * What a reader has chosen. Runs are numbers: their places in `data.runs`.
 * @typedef {object} State
 * @property {ReadonlySet<number>} chosen  runs that are distinguished from the others
 * @property {ReadonlyMap<string, Limits>} brushes  what they were chosen by: limits of columns, by key
 * @property {number | null} opened  the run whose details are shown
 * @property {number | null} pointed  the run below the pointer
 */

/** The choice of runs, which all views of the page share: a view changes it, and each draws what it has become. */
const choice = (() => {
  /** @type {State} */
  let state = { chosen: new Set(), brushes: new Map(), opened: null, pointed: null };
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

    /** Say whether any choice was made; without one, all runs are shown alike. */
    get isMade() { return state.chosen.size > 0 || state.brushes.size > 0; },

    /**
     * Say whether a run is chosen, or none was.
     * @param {number} run
     */
    has(run) { return !this.isMade || state.chosen.has(run); },

    /**
     * Change some of the choice. Subscribers hear of it once, before the next frame is painted.
     * @param {Partial<State>} change
     */
    set(change) {
      const names = /** @type {(keyof State)[]} */ (Object.keys(change)).filter((name) => change[name] !== state[name]);
      state = { ...state, ...change };
      if (!subscribers.length) return;
      if (names.length && !changed.size) requestAnimationFrame(tell);
      names.forEach((name) => changed.add(name));
    },

    /**
     * Choose these runs, by name and no longer by limits.
     * @param {Iterable<number>} runs
     */
    choose(runs) { this.set({ chosen: new Set(runs), brushes: new Map() }); },

    /**
     * Choose these runs too, or where all of them are chosen no longer.
     * @param {number[]} runs
     */
    toggle(runs) {
      const chosen = new Set(state.chosen);
      const isChosen = runs.every((run) => chosen.has(run));
      for (const run of runs) isChosen ? chosen.delete(run) : chosen.add(run);
      this.choose(chosen);
    },

    /**
     * Call a function now, and after each change with the names of what has changed.
     * @param {(state: State, changed: ReadonlySet<keyof State>) => void} subscriber
     */
    subscribe(subscriber) {
      subscribers.push(subscriber);
      subscriber(state, new Set(/** @type {(keyof State)[]} */ (Object.keys(state))));
    },
  };
})();
