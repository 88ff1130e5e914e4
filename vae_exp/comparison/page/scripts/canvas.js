/**
 * Fill an element with a canvas, and return the function that paints it again. A change of size or theme repaints it too.
 * @param {HTMLElement} element
 * @param {(context: CanvasRenderingContext2D, width: number, height: number) => void} draw  in CSS pixels
 */
function makeCanvas(element, draw) {
  const canvas = make("canvas", { "aria-hidden": "true" });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  element.prepend(canvas);

  function paint() {
    const [width, height, dots] = [element.clientWidth, element.clientHeight, devicePixelRatio];
    if (!width || !height) return;
    const [across, down] = [Math.round(width * dots), Math.round(height * dots)];
    if (canvas.width !== across || canvas.height !== down) [canvas.width, canvas.height] = [across, down];
    context.setTransform(dots, 0, 0, dots, 0, 0);
    context.clearRect(0, 0, width, height);
    context.font = `12px ${getComputedStyle(document.body).fontFamily}`;
    draw(context, width, height);
  }

  new ResizeObserver(paint).observe(element);
  colours.subscribe(paint);
  return paint;
}

/**
 * Draw a line through points that goes across first, then up or down.
 * @param {CanvasRenderingContext2D} context
 * @param {number[][]} points  x and y of each
 */
function drawSteps(context, points) {
  context.beginPath();
  points.forEach(([x, y], i) => {
    if (i) context.lineTo(x, points[i - 1][1]);
    context.lineTo(x, y);
  });
  context.lineWidth = 1.5;
  context.strokeStyle = colours.of("--ink");
  context.stroke();
}

/**
 * Write a text with a rim in the paper's colour, so that it is read above lines.
 * @param {CanvasRenderingContext2D} context
 * @param {string} text
 * @param {number} x
 * @param {number} y
 * @param {string} [colour]  the name of a variable of the style sheet
 */
function writeText(context, text, x, y, colour = "--soft") {
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours.of("--paper");
  context.strokeText(text, x, y);
  context.fillStyle = colours.of(colour);
  context.fillText(text, x, y);
}
