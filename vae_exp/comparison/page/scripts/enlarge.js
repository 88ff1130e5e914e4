/* A click on a picture shows it as large as the page holds it; Escape, or a click, closes it. */
{
  const dialog = find(document, "dialog", HTMLDialogElement);
  const large = find(dialog, "img", HTMLImageElement);
  document.addEventListener("click", ({ target }) => {
    const button = target instanceof Element ? target.closest("button.enlarge") : null;
    if (!button) return;
    const small = find(button, "img", HTMLImageElement);
    large.src = small.src;
    large.alt = small.alt;
    dialog.showModal();
  });
  large.addEventListener("click", () => dialog.close());
}
