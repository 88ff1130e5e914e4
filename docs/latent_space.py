"""Write `docs/latent_space.webp`, the README's picture: `python docs/latent_space.py outputs/FOLDER`.

The folder is that of the default sweep. Its report is opened in Chromium, and both runs walk from digit to digit.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from vae_exp.comparison import report
from vae_exp.comparison.runs import Run, read_runs
from vae_exp.comparison.table import compare

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import Browser

PICTURE = Path(__file__).with_suffix(".webp")
DIGITS = (0, 6, 2, 1, 7, 9, 4, 0)
"""Labels whose codes are walked between; the last is the first, so that the picture has no end."""
STEPS, MILLISECONDS, REST = 8, 90, 500
"""Frames of a walk, how long each is shown, and how long a digit."""
WIDTH = 1000
"""Of the picture, in pixels."""

LAY_OUT = """
document.querySelectorAll("*").forEach((element) => { element.style.contentVisibility = "visible"; });
document.getElementById("latent-space").scrollIntoView();
"""
"""What is off the screen gets its true height, so that nothing moves between two frames."""
SHOW = """
const [from, to, part] = document.querySelectorAll("#latent-space .walk input");
[from.value, to.value, part.value] = arguments;
part.dispatchEvent(new Event("input"));
return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(null))));
"""
PLACE = """
const section = document.getElementById("latent-space"), box = section.getBoundingClientRect();
const last = section.querySelector(".latents").getBoundingClientRect();
return {x: box.x - 8, y: box.y + scrollY, width: box.width + 16, height: last.bottom - box.y + 8, scale: 1};
"""


def main(folder: Path) -> None:
    """Write the picture."""
    runs = read_runs([folder])
    with tempfile.TemporaryDirectory() as temporary:
        page = report.write_page(Path(temporary), compare(runs), ["python"])
        browser = Browser(Path(temporary) / "profile")
        try:
            frames = [(Image.open(io.BytesIO(png)), time) for png, time in _frames(browser, page, _codes(runs[-1]))]
        finally:
            browser.close()
    first, *others = [_small(image) for image, _ in frames]
    times = [time for _, time in frames]
    first.save(PICTURE, save_all=True, append_images=others, duration=times, loop=0, quality=70, method=6)
    print(f"{PICTURE}: {first.width} × {first.height}, {len(frames)} frames, {PICTURE.stat().st_size / 1e3:.0f} kB")


def _codes(run: Run) -> list[int]:
    """Return for each digit the number of the image whose code is nearest to the mean of its label."""
    codes, _ = run.folder.read_codes()
    means, labels = codes["mean"].numpy(), codes["labels"].numpy()
    centres = [means[labels == digit].mean(0) for digit in DIGITS]
    distances = [np.linalg.norm(means - centre, axis=1) for centre in centres]
    return [int(np.where(labels == d, far, np.inf).argmin()) + 1 for d, far in zip(DIGITS, distances, strict=True)]


def _frames(browser: Browser, page: Path, numbers: list[int]) -> Iterator[tuple[bytes, int]]:
    """Yield the frames of all walks as PNG, and the milliseconds of each."""
    browser.open(page.as_uri(), width=1440)
    browser.run(LAY_OUT)
    browser.wait("document.querySelector('.latent .marker')?.getAttribute('cx')")
    _picture(browser)  # the first one changes the layout of the page
    for start, end in pairwise(numbers):
        for step in range(STEPS):
            browser.run(SHOW, start, end, step / STEPS)
            yield _picture(browser), MILLISECONDS if step else REST


def _picture(browser: Browser) -> bytes:
    taken = browser.cdp("Page.captureScreenshot", captureBeyondViewport=True, clip=browser.run(PLACE))
    return base64.b64decode(taken["data"])


def _small(image: Image.Image) -> Image.Image:
    return image.convert("RGB").resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
