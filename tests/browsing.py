"""A headless Chromium, driven through chromedriver's WebDriver interface."""

import base64
import json
import shutil
import subprocess
import time
import urllib.request

import pytest

PATIENCE = 180  # seconds: a loaded machine starts a kernel slowly
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--window-size=1280,1000",
]  # fmt: skip


def call(url, body=None, method=None):
    """Send one JSON request and return the answer's value."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return json.load(answer)["value"]


def wait_for(question, what):
    """Return the first answer that is neither None nor false; fail after a while, saying what was waited for."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if (answer := question()) not in (None, False):
            return answer
        time.sleep(0.25)
    raise AssertionError(f"not seen within {PATIENCE} s: {what}")


class Browser:
    """The few WebDriver commands that the test needs."""

    def __init__(self, driver, profile):
        options = {"binary": shutil.which("chromium"), "args": [*FLAGS, f"--user-data-dir={profile}"]}
        started = call(f"{driver}/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
        self.url = f"{driver}/session/{started['sessionId']}"

    def open(self, address):
        call(f"{self.url}/url", {"url": address})

    def run(self, script):
        return call(f"{self.url}/execute/sync", {"script": script, "args": []})

    def click(self, button):
        """Click a button as a user would, once it can be clicked."""
        path = f"//button[normalize-space()='{button}' and not(@disabled)]"
        found = wait_for(lambda: call(f"{self.url}/elements", {"using": "xpath", "value": path}) or None, path)
        call(f"{self.url}/element/{next(iter(found[0].values()))}/click", {})

    def type(self, placeholder, text):
        """Type into the field with a placeholder, once it is there."""
        path = f"//input[@placeholder='{placeholder}']"
        found = wait_for(lambda: call(f"{self.url}/elements", {"using": "xpath", "value": path}) or None, path)
        call(f"{self.url}/element/{next(iter(found[0].values()))}/value", {"text": text})

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(call(f"{self.url}/screenshot")))

    def close(self):
        call(self.url, method="DELETE")


@pytest.fixture
def browser(tmp_path):
    """A headless Chromium with an empty profile; the test skips where there is none."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no {' and no '.join(missing)} on this machine: apt-get install chromium chromium-driver")
    log = tmp_path / "chromedriver.log"
    with log.open("w") as file:
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=file, stderr=file)
    chromium = None
    try:
        said = wait_for(
            lambda: log.read_text().partition("successfully on port ")[2].rstrip(".\n") or None, "chromedriver"
        )
        chromium = Browser(f"http://127.0.0.1:{int(said)}", tmp_path / "profile")
        yield chromium
    finally:
        if chromium is not None:
            chromium.close()
        driver.terminate()
        driver.wait(30)
