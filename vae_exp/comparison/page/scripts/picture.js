/**
 * Return what paints the pixels of a run's image.
 * @param {HTMLCanvasElement} canvas
 */
function makePicture(canvas) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

  /**
   * @param {Float32Array} pixels  (H, W, C) in [0, 1], of one channel or three
   * @param {Decodable} run
   */
  return (pixels, { label, decoder: { image: [height, width, channels] } }) => {
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    canvas.setAttribute("aria-label", `What the decoder of ${label} draws at the point`);
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * pixels[i * channels + (channels === 3 ? c : 0)] + 0.5;
      image.data[4 * i + 3] = 255;
    }
    context.putImageData(image, 0, 0);
  };
}
