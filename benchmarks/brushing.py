"""How soon Chromium shows a report, and how smoothly an axis is brushed in it: `python -m benchmarks.brushing REPORT`.

REPORT is the `report.html` of several runs; the targets are set for a thousand. Needs chromedriver, as the tests of the
report do.
"""

from __future__ import annotations

import argparse
import runpy
import tempfile
from pathlib import Path

from benchmarks import machine
from benchmarks.tables import at_least, below, show

ROOT = Path(__file__).parents[1]
BRUSH = """
const strip = document.querySelectorAll(".axis .strip")[1];
strip.scrollIntoView({ block: "center" });
strip.setPointerCapture = () => {};  // a synthetic event has no pointer to capture
const box = strip.getBoundingClientRect(), times = [];
const send = (type, part) => strip.dispatchEvent(new PointerEvent(type, {
  clientX: box.left + box.width / 2, clientY: box.bottom - part * box.height, bubbles: true, buttons: 1 }));
send("pointerdown", 0.1);
return new Promise((done) => {
  const step = (now) => {
    times.push(now);
    send("pointermove", 0.5 + 0.4 * Math.sin(times.length / 8));
    if (times.length <= FRAMES) requestAnimationFrame(step);
    else done((times.length - 1) / (now - times[0]) * 1000);
  };
  requestAnimationFrame(step);
});
"""
"""Drags along an axis, one step per frame, and returns the frames per second."""
FRAMES = 60
LOADED = "return performance.getEntriesByType('navigation')[0].loadEventEnd / 1000"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    report = parser.parse_args().report.resolve()
    with tempfile.TemporaryDirectory() as folder:
        browser = runpy.run_path(str(ROOT / "tests" / "browser.py"))["Browser"](folder)
        browser.open(report.as_uri(), width=1440)
        loaded = browser.run(LOADED)
        rate = browser.run(BRUSH.replace("FRAMES", str(FRAMES)))
        browser.close()
    print(f"{machine.describe()}\n")
    size = f"; {report.stat().st_size / 1e6:.1f} MB"
    show(
        [below("a report, until it is shown", loaded, 2, "s", size), at_least("brushing an axis", rate, 30, "frames/s")]
    )


if __name__ == "__main__":
    main()
