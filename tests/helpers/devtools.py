"""A headless Chromium that does what a user does: Chrome DevTools Protocol.

Over a pair of pipes, which needs no library for web sockets: descriptor 3 of
the browser takes messages, 4 gives them, each ended by a zero byte
(https://chromium.googlesource.com/chromium/src/+/main/content/public/common/
content_switches.cc, `--remote-debugging-pipe`).
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import time

from tests.helpers import browser

_TIMEOUT = 300

# Pipes get the numbers that Chromium expects in a process of their own.
_LAUNCHER = (
    "import os, sys; r, w = map(int, sys.argv[1:3]);"
    "r, w = os.dup(r), os.dup(w); os.dup2(r, 3); os.dup2(w, 4);"
    "os.set_inheritable(3, True); os.set_inheritable(4, True);"
    "os.execv(sys.argv[3], sys.argv[3:])"
)


class Page:
    """A page that is open.

    Attributes:
        errors: What the console complained of, and exceptions of scripts.
        requests: Addresses that were asked for.
    """

    def __init__(self, commands, answers):
        """Opens an empty page of a browser.

        Args:
            commands: Descriptor that takes messages.
            answers: Descriptor that gives them.
        """
        self._commands, self._answers = commands, answers
        self._buffer = b""
        self._number = 0
        self._session = None
        self.errors, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")
        self._session = self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "DOM"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Returns the result of a command of the protocol."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def _receive(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._answers], [], [], _TIMEOUT)
            assert ready, "the browser does not answer"
            part = os.read(self._answers, 2**20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _note(self, event):
        params = event.get("params", {})
        if event["method"] == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif event["method"] == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"])
        elif event["method"] == "Log.entryAdded":
            self.errors.append(params["entry"])

    def open(self, url, *, width=1280, height=900, dark=False):
        """Opens an address in a window of a size."""
        self.resize(width, height)
        self.call(
            "Emulation.setEmulatedMedia",
            features=[
                {
                    "name": "prefers-color-scheme",
                    "value": "dark" if dark else "light",
                }
            ],
        )
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def resize(self, width, height):
        """Gives the window a size, in pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def evaluate(self, expression):
        """Returns the value of JavaScript."""
        result = self.call(
            "Runtime.evaluate",
            expression=expression,
            returnByValue=True,
            awaitPromise=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, expression):
        """Waits until JavaScript is true."""
        self.wait_for(lambda: self.evaluate(expression), expression)

    def wait_for(self, is_so, what=""):
        """Waits until a function returns what is true."""
        until = time.monotonic() + _TIMEOUT
        while not is_so():
            assert time.monotonic() < until, what
            time.sleep(0.02)

    def choose_files(self, selector, paths):
        """Chooses files in an input, as a user does in its dialogue."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)[
            "nodeId"
        ]
        self.call(
            "DOM.setFileInputFiles", nodeId=node, files=list(map(str, paths))
        )

    def press(self, key, code=0):
        """Presses a key, such as "Tab" (9) or "ArrowLeft" (37)."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                text="\r" if (kind, key) == ("keyDown", "Enter") else "",
                windowsVirtualKeyCode=code,
            )

    def screenshot(self, path=None):
        """Returns the whole page as PNG, and writes it to a path."""
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        data = base64.b64decode(shot["data"])
        if path is not None:
            pathlib.Path(path).write_bytes(data)
        return data


@contextlib.contextmanager
def opened(directory):
    """Runs a browser for as long as the body of `with` does.

    Args:
        directory: Where it may write.
    """
    theirs_in, commands = os.pipe()
    answers, theirs_out = os.pipe()
    process = subprocess.Popen(
        [
            *(sys.executable, "-c", _LAUNCHER, str(theirs_in), str(theirs_out)),
            *browser.command(directory),
            "--remote-debugging-pipe",
        ],
        pass_fds=(theirs_in, theirs_out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(theirs_in)
    os.close(theirs_out)
    try:
        yield Page(commands, answers)
    finally:
        # It ends when nobody speaks to it any more.
        os.close(commands)
        os.close(answers)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
