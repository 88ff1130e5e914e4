const MARGIN = { left: 62, right: 16, top: 12, bottom: 42 };
/** Pixels around what a chart draws. */
const INSET = 8;
/** Pixels between its axes and its first and last values. */

/**
 * Return where places of two scales stand in a chart of this size, and what draws its axes.
 * @param {number} width
 * @param {number} height
 * @param {Scale} across
 * @param {Scale} up
 */
function makeFrame(width, height, across, up) {
  const [left, right] = [MARGIN.left + INSET, width - MARGIN.right - INSET];
  const [top, bottom] = [MARGIN.top + INSET, height - MARGIN.bottom - INSET];
  return {
    /** @param {number} place */
    x: (place) => left + place * (right - left),
    /** @param {number} place */
    y: (place) => bottom - place * (bottom - top),
    /** @param {number} x */
    acrossAt: (x) => (x - left) / (right - left),
    /** @param {number} y */
    upAt: (y) => (bottom - y) / (bottom - top),

    /** @param {CanvasRenderingContext2D} context @param {string} nameAcross @param {string} nameUp */
    draw(context, nameAcross, nameUp) {
      context.lineWidth = 1;
      context.strokeStyle = colours.of("--axis");
      context.beginPath();
      context.moveTo(MARGIN.left, MARGIN.top);
      context.lineTo(MARGIN.left, height - MARGIN.bottom);
      context.lineTo(width - MARGIN.right, height - MARGIN.bottom);
      context.stroke();
      context.fillStyle = colours.of("--soft");
      context.textAlign = "right";
      for (const tick of up.ticks(Math.floor((bottom - top) / 34))) {
        context.fillText(written(tick).slice(0, 9), MARGIN.left - 6, this.y(up.place(tick)) + 4);
      }
      context.textAlign = "center";
      for (const tick of across.ticks(Math.floor((right - left) / 66))) {
        context.fillText(written(tick).slice(0, 10), this.x(across.place(tick)), height - MARGIN.bottom + 16);
      }
      context.fillStyle = colours.of("--ink");
      context.fillText(nameAcross, (left + right) / 2, height - 6);
      context.save();
      context.translate(12, (top + bottom) / 2);
      context.rotate(-Math.PI / 2);
      context.fillText(nameUp, 0, 0);
      context.restore();
    },

    /** Keep what is drawn between the axes. @param {CanvasRenderingContext2D} context @param {() => void} draw */
    within(context, draw) {
      context.save();
      context.beginPath();
      context.rect(MARGIN.left, MARGIN.top - 4, width - MARGIN.left - MARGIN.right + 4, height - MARGIN.top - MARGIN.bottom + 4);
      context.clip();
      draw();
      context.restore();
    },
  };
}
