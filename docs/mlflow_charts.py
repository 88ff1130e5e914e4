"""`python docs/mlflow_charts.py LINK`: take the README's picture of MLflow, as the link of a sweep opens it.

The sweep is the README's first (`python -m vae_exp.train -m model.latent_dim=2,4`). It prints the command that starts
MLflow's interface, and the link. Needs Chromium and its driver.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))

import browser  # noqa: E402

WIDTH = 1280
A_MOUSE = "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"
"""Without a mouse the charts show the buttons that they have while it is over them."""
CLOSE = """[...document.querySelectorAll('button')].filter((each) => each.getAttribute('aria-label') === 'Close')
    .forEach((each) => each.click())"""
"""Closes the assistant."""
LINES = "document.querySelectorAll('.js-plotly-plot .lines').length"


def main() -> None:
    """Open the link, close MLflow's assistant, and write the picture."""
    browser.QUIET.append(A_MOUSE)
    with tempfile.TemporaryDirectory() as profile:
        window = browser.Browser(profile)
        try:
            window.open(sys.argv[1], WIDTH)
            window.wait(f"{LINES} > 5")
            window.run(CLOSE)
            window.wait("!document.body.innerText.includes('Ask a question')")
            window.wait(f"{LINES} > 5")
            (HERE / "mlflow_charts.png").write_bytes(window.screenshot())
        finally:
            window.close()


if __name__ == "__main__":
    main()
