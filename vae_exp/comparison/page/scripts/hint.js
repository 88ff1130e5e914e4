/** The name of the run below the pointer, beside it. */
const hint = (() => {
  const element = make("div", { class: "hint screen", role: "status" });
  document.body.append(element);

  return {
    /**
     * Show a run's name, and the text of a view, beside a point of the window.
     * @param {number} run
     * @param {string} text
     * @param {number} x
     * @param {number} y
     */
    show(run, text, x, y) {
      element.replaceChildren(make("strong", {}, data.runs[run].label), ...(text ? [make("br"), text] : []));
      element.style.left = `${Math.max(4, Math.min(x + 14, innerWidth - element.offsetWidth - 4))}px`;
      element.style.top = `${y + 18 + element.offsetHeight > innerHeight ? y - 10 - element.offsetHeight : y + 18}px`;
    },

    hide() { element.replaceChildren(); },
  };
})();
