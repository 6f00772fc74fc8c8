"""Chromium without a window, driven over a pipe (the DevTools protocol), with nothing but Python's standard library."""
import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

PATIENCE = 60  # seconds
NAMES = ("chromium", "chromium-browser", "google-chrome")


def find_browser():
    """The path of a Chromium, or None."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Navigated(RuntimeError):
    """The page that was asked is no longer there."""


def is_load_of(document, event):
    name = event["params"].get("name") if event["method"] == "Page.lifecycleEvent" else None
    return name == "load" and event["params"]["loaderId"] == document


class Browser:
    """One page at a time. Requests and complaints are those since the last open()."""

    def __enter__(self):
        self.profile = tempfile.TemporaryDirectory()
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()

        def connect():  # Chromium reads orders from descriptor 3 and answers on 4
            ends = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 5) for descriptor in (orders, answers)]
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [find_browser(), "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self.profile.name}",
             "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
             "--disable-background-networking", "--no-first-run"],
            preexec_fn=connect, pass_fds=(3, 4), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(orders)
        os.close(answers)
        self.buffer, self.events, self.number, self.session = b"", [], 0, None
        target = self.order("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.order("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.order(f"{domain}.enable")
        self.order("Page.setLifecycleEventsEnabled", enabled=True)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        os.close(self.orders)
        os.close(self.answers)
        self.profile.cleanup()

    def open(self, url, width):
        """Loads a page into a window of that width, and waits until it is there."""
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.events.clear()
        document = self.order("Page.navigate", url=url)["loaderId"]
        seen = 0
        # Its own load: that of the page before, which may be loading still, can come first.
        while not any(is_load_of(document, event) for event in self.events[seen:]):
            seen = len(self.events)
            self.events.append(self.receive())
            if self.events[-1]["method"] == "Page.javascriptDialogOpening":
                self.order("Page.handleJavaScriptDialog", accept=True)

    def evaluate(self, script):
        result = self.order("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["text"])
        return result["result"].get("value")

    def wait_for(self, script):
        """Waits until the script gives something true, and returns it. A page that gives way to another one meanwhile
        is no answer yet."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                if value := self.evaluate(script):
                    return value
            except Navigated:
                pass
            time.sleep(0.1)
        raise RuntimeError(f"not within {PATIENCE} seconds: {script}")

    def screenshot(self, clip=None):
        """The whole page as PNG, or a part of it: x, y, width, height, scale."""
        part = {"clip": clip} if clip else {}
        return base64.b64decode(self.order("Page.captureScreenshot", captureBeyondViewport=True, **part)["data"])

    def requests(self):
        return [event["params"]["request"]["url"] for event in self.events
                if event["method"] == "Network.requestWillBeSent"]

    def complaints(self):
        """Console messages, uncaught exceptions, dialogs, and what the browser itself logs."""
        bad = ("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening")
        return [f"{event['method']} {json.dumps(event['params'])[:400]}" for event in self.events
                if event["method"] in bad]

    def order(self, method, **params):
        self.number += 1
        order = {"id": self.number, "method": method, "params": params}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.orders, json.dumps(order).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                if "error" in message:
                    navigated = "navigated" in message["error"]["message"]
                    raise (Navigated if navigated else RuntimeError)(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def receive(self):
        while b"\0" not in self.buffer:
            ready = select.select([self.answers], [], [], PATIENCE)[0]
            part = os.read(self.answers, 1 << 16) if ready else b""
            if not part:
                raise RuntimeError("the browser has gone" if ready else f"no answer in {PATIENCE} seconds")
            self.buffer += part
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)
