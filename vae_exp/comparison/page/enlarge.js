/* A click on a picture shows it as large as the page holds it; Escape, or a click, closes it. */
{
  const dialog = document.querySelector("dialog");
  const large = dialog.querySelector("img");
  for (const button of document.querySelectorAll("button.enlarge")) {
    button.addEventListener("click", () => {
      const small = button.querySelector("img");
      large.src = small.src;
      large.alt = small.alt;
      dialog.showModal();
    });
  }
  large.addEventListener("click", () => dialog.close());
}
