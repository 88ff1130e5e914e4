"""A real browser, driven through chromedriver: how pages look and behave, at any width and in both themes.

Tests use the fixture `browser` and are marked with `needs_browser`: they skip if Chromium or chromedriver is missing.
"""

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")
AXE = Path(__file__).parents[1] / ".ci" / "node_modules" / "axe-core" / "axe.min.js"
QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="Chromium and chromedriver are not installed")
needs_axe = pytest.mark.skipif(not AXE.exists(), reason="axe-core is not installed below .ci/")


class Browser:
    """One window; `messages` returns what its pages wrote to the console, failed requests included."""

    def __init__(self, folder):
        """Start a browser with its profile in `folder`."""
        self.driver = subprocess.Popen([DRIVER, "--port=0"], stdout=subprocess.PIPE, text=True)
        started = next(line for line in self.driver.stdout if "successfully on port" in line)
        port = re.search(r"on port (\d+)", started)[1]
        self.base = f"http://127.0.0.1:{port}/session"
        options = {"binary": CHROMIUM, "args": [*QUIET, f"--user-data-dir={folder}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self._ask("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]
        self.base += f"/{session}"
        self._ask("/timeouts", {"script": 110_000})  # axe-core reads a page of a thousand runs for half a minute

    def open(self, address, width=1280, dark=False, touch=False):
        """Open an address in a window of this width, in pixels, on a touch screen or not."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.cdp("Emulation.setDeviceMetricsOverride", **size)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=touch)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.cdp("Emulation.setEmulatedMedia", features=[scheme])
        self._ask("/url", {"url": address})

    def run(self, script, *arguments):
        """Run a script in the page and return its result; a promise is awaited."""
        return self._ask("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition, seconds=60):
        """Wait until a JavaScript expression is true, and return its value."""
        until = time.monotonic() + seconds
        while not (found := self.run(f"return {condition}")):
            assert time.monotonic() < until, f"{condition} did not come true"
            time.sleep(0.2)
        return found

    def middle(self, selector, number=0):
        """Scroll an element into view; return its centre, its width and its height."""
        script = """const element = document.querySelectorAll(arguments[0])[arguments[1]];
            element.scrollIntoView({block: "center"});
            const box = element.getBoundingClientRect();
            return [box.left + box.width / 2, box.top + box.height / 2, box.width, box.height]"""
        return self.run(script, selector, number)

    def point(self, x, y):
        """Move the mouse to a point of the window."""
        self.cdp("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def drag(self, start, end):
        """Drag the mouse from one point of the window to another."""
        kinds = ["mousePressed", *["mouseMoved"] * 4, "mouseReleased"]
        for kind, (x, y) in zip(kinds, [*_steps(start, end), end], strict=True):
            self.cdp("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def touch(self, start, end, lift=True):
        """Drag a finger from one point of the window to another; a tap if they are equal."""
        steps = [start] if start == end else _steps(start, end)
        for kind, (x, y) in zip(["touchStart", *["touchMove"] * 4], steps, strict=False):
            self.cdp("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        if lift:
            self.lift()

    def lift(self):
        """Lift the finger."""
        self.cdp("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])

    def press(self, key, selector, number=0):
        """Focus an element and press a key."""
        self.run("document.querySelectorAll(arguments[0])[arguments[1]].focus()", selector, number)
        for kind in ("keyDown", "keyUp"):
            self.cdp("Input.dispatchKeyEvent", type=kind, key=key)

    def cdp(self, command, **parameters):
        """Send a command of the DevTools protocol."""
        return self._ask("/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self):
        """Return the whole page as a PNG."""
        return base64.b64decode(self.cdp("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    def messages(self):
        """Return the messages of the console since the last call."""
        return [entry["message"] for entry in self._ask("/se/log", {"type": "browser"})]

    def violations(self):
        """Return the violations that axe-core finds, one line each."""
        found = self.run(f"{AXE.read_text(encoding='utf-8')}; return axe.run().then((found) => found.violations)")
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def close(self):
        """End the browser and its driver."""
        with_session = urllib.request.Request(self.base, method="DELETE")
        urllib.request.urlopen(with_session, timeout=60).close()
        self.driver.terminate()
        self.driver.wait(30)
        self.driver.stdout.close()

    def _ask(self, path, content):
        request = urllib.request.Request(self.base + path, json.dumps(content).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()[:2000]) from None


def _steps(start, end):
    """Return five points from one to another."""
    return [(start[0] + (end[0] - start[0]) * i / 4, start[1] + (end[1] - start[1]) * i / 4) for i in range(5)]
