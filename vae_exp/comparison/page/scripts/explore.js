/* The views of the runs, where the page compares several, and their latent spaces. */
{
  keepAddress();
  const root = document.getElementById("explore");
  if (root) {
    root.hidden = false;
    showSummary(find(root, ".choice", HTMLElement));
    if (data.columns.length > 1) showLines(find(root, ".lines", HTMLElement));
    if (data.curves.length) showCurves(find(root, ".curves", HTMLElement));
    if (data.columns.length > 1) showScatter(find(root, ".scatter", HTMLElement));
    if (data.search?.points.length) showSearch(find(root, ".search", HTMLElement), data.search);
    showDetails(find(root, ".details", HTMLElement));
    showRows();
  }
  showLatents();
}
