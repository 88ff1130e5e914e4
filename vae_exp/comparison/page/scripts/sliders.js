/**
 * Fill a group with a slider for each active dimension, the one that is used most first.
 * @param {HTMLElement} group
 * @param {Codes} codes
 * @param {(change: Map<number, number>) => void} move
 */
function showSliders(group, codes, move) {
  const active = codes.used.slice(0, codes.active);
  const legend = find(group, "legend", HTMLLegendElement);
  const sliders = active.map((dimension) => {
    const value = make("output", {});
    const input = make("input", { type: "range", step: "0.01", min: String(-codes.reach), max: String(codes.reach) });
    input.addEventListener("input", () => move(new Map([[dimension, +input.value]])));
    return { dimension, input, value, label: make("label", {}, latentName(dimension), input, value) };
  });
  legend.textContent = describe(active.length, codes.dimensions);
  group.replaceChildren(legend, ...sliders.map(({ label }) => label));

  return {
    /** Move each slider to its coordinate of the point. @param {Float32Array} z */
    place(z) {
      for (const { dimension, input, value } of sliders) {
        input.value = String(z[dimension]);
        value.textContent = z[dimension].toFixed(2).replace("-", "−");
      }
    },
  };
}

/**
 * Say which dimensions the sliders move.
 * @param {number} active
 * @param {number} all
 */
function describe(active, all) {
  if (!active) return all > 1 ? `None of the ${all} dimensions is active: the codes have collapsed` : "The dimension is not active: the codes have collapsed";
  const which = active < all ? `The ${active} active of ${all} dimensions` : "Dimensions";
  return active > 1 ? `${which}, the most used first` : which;
}

/**
 * Fill a list with the colour of each label.
 * @param {HTMLElement} list
 * @param {Codes} codes
 */
function showLegend(list, codes) {
  list.replaceChildren(...(codes.colours ?? []).map((colour, label) =>
    make("li", {}, make("span", { class: label < DISCS ? "disc" : "disc triangle", style: `--own: ${colour}` }), codes.names?.[label] ?? "")));
}
