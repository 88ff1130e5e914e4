/** Show the latent spaces of one run, or of two side by side, when a reader comes near them or the address has them. */
function showLatents() {
  const section = document.getElementById("latent-space");
  if (!section || !document.getElementById("latent-data")) return;
  const [whole, each] = findAll(section, "template", HTMLTemplateElement);
  whole.before(whole.content);
  const names = ["latent", "latent2", "walk"];
  let isOpen = false;
  const open = () => {
    if (!isOpen) fill(section, each, readBlock("latent-data"));
    isOpen = true;
  };
  const openWhereNamed = () => {
    const wanted = readSettings(location.hash.slice(1));
    if (names.some((name) => wanted.has(name))) open();
  };
  openWhereNamed();
  addEventListener("hashchange", openWhereNamed);
  const observer = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    observer.disconnect();
    open();
  }, { rootMargin: "600px" });
  observer.observe(section);

  /**
   * @param {HTMLElement} section
   * @param {HTMLTemplateElement} template
   * @param {Decodable[]} runs
   */
  function fill(section, template, runs) {
    const views = runs.slice(0, 2).map(() => {
      const element = /** @type {HTMLElement} */ (/** @type {DocumentFragment} */ (template.content.cloneNode(true)).firstElementChild);
      find(section, ".latents", HTMLElement).append(element);
      return makeLatent(element, runs, () => walk.name());
    });
    const walk = showWalk(find(section, ".walk", HTMLElement), () => views);
    views.forEach((view, i) => view.show(i));
    walk.reset();
    choice.subscribe(({ chosen, opened }, changed) => {
      if (!changed.has("chosen") && !changed.has("opened")) return;
      const wanted = new Set([...(opened === null ? [] : [opened]), ...chosen].map((run) => runs.findIndex((each) => each.runs.includes(run))));
      wanted.delete(-1);
      if (!wanted.size) return;
      for (const view of views) wanted.add(view.shown);
      [...wanted].slice(0, views.length).forEach((i, k) => { if (views[k].shown !== i) views[k].show(i); });
    });
    settings.add("walk", walk.read, walk.restore, true);
    views.forEach((view, i) => settings.add(names[i], view.read, view.restore, true));
  }
}
