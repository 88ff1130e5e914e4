/**
 * What a view shows apart from the choice: a measure, a log scale, the order of axes.
 * @typedef {object} Setting
 * @property {string} name  in the address
 * @property {string[]} first  what the page begins with
 * @property {() => string[]} read
 * @property {(values: string[]) => void} show  shows these values; those that mean nothing are ignored
 * @property {boolean} follows  whether it follows the choice where the address has nothing of it
 */

/** The settings of all views, which the address holds beside the choice. */
const settings = (() => {
  /** @type {Setting[]} */
  const all = [];
  /** @type {ReadonlyMap<string, string[]>} */
  let wanted = new Map();
  /** @type {(() => void)[]} */
  const subscribers = [];

  /** @param {Setting} setting */
  function apply({ name, first, read, show, follows }) {
    if (follows && !wanted.has(name)) return;
    for (const values of [first, wanted.get(name) ?? first]) if (String(values) !== String(read())) show(values);
  }

  return {
    /**
     * Keep a setting in the address, and show what the address has of it.
     * @param {string} name
     * @param {() => string[]} read
     * @param {(values: string[]) => void} show
     * @param {boolean} [follows]
     */
    add(name, read, show, follows = false) {
      all.push({ name, first: read(), read, show, follows });
      apply(all[all.length - 1]);
    },

    /**
     * Show these settings in all views, now and when they are made; what is not among them is as at first.
     * @param {ReadonlyMap<string, string[]>} values
     */
    show(values) {
      wanted = values;
      all.forEach(apply);
    },

    /** Return the names and values of those that are not as at first. */
    get changes() {
      return all.map(({ name, first, read }) => ({ name, first, values: read() })).filter(({ first, values }) => String(values) !== String(first));
    },

    /** Say that a setting may have changed. */
    changed() { subscribers.forEach((subscriber) => subscriber()); },

    /** Call a function when a setting may have changed. @param {() => void} subscriber */
    subscribe(subscriber) { subscribers.push(subscriber); },
  };
})();

/**
 * Keep what a list or a box is set to.
 * @param {string} name
 * @param {HTMLSelectElement | HTMLInputElement} control
 */
function keepControl(name, control) {
  const isBox = control instanceof HTMLInputElement;
  settings.add(name, () => [isBox ? String(Number(control.checked)) : control.value], ([value]) => {
    if (isBox) control.checked = value === "1";
    else if ([...control.options].some((option) => option.value === value)) control.value = value;
    control.dispatchEvent(new Event("change"));
  });
  control.addEventListener("change", () => settings.changed());
}
