/** The colours of the page's theme as a canvas takes them. */
const colours = (() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  /** @type {Map<string, string>} */
  const known = new Map();
  /** @type {(() => void)[]} */
  const subscribers = [];
  dark.addEventListener("change", () => {
    known.clear();
    subscribers.forEach((subscriber) => subscriber());
  });

  return {
    /**
     * Return the colour of a variable of the style sheet.
     * @param {string} name  `--ink`
     */
    of(name) {
      const found = known.get(name) ?? getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      known.set(name, found);
      return found;
    },

    /**
     * Return the colour of a run's configuration.
     * @param {number} run
     */
    ofRun(run) { return this.of(data.shades[data.runs[run].row]); },

    /**
     * Call a function when the theme changes.
     * @param {() => void} subscriber
     */
    subscribe(subscriber) { subscribers.push(subscriber); },
  };
})();
