"""Pages as a headless Chromium shows them, where a machine has one."""

import json
import pathlib
import re
import shutil
import subprocess

import pytest

_CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser"))),
    shutil.which("google-chrome"),
)

# Marks the tests that need it.
needs_chromium = pytest.mark.skipif(
    not _CHROMIUM, reason="no Chromium is installed"
)

# A window cannot be as narrow as a phone: a frame can.
_FRAME = """\
<!DOCTYPE html><meta charset="utf-8"><pre></pre>
<iframe src="%s" width="%d" height="900"></iframe>
<script>
const frame = document.querySelector("iframe");
frame.addEventListener("load", () => {
  const page = frame.contentDocument;
  const images = [...page.images];
  const ids = new Set([...page.querySelectorAll("[id]")].map((e) => e.id));
  const anchors = [...page.querySelectorAll('a[href^="#"]')];
  document.querySelector("pre").textContent = JSON.stringify({
    num_images: images.length,
    broken: images.filter((i) => !i.naturalWidth).map((i) => i.alt),
    width: page.documentElement.clientWidth,
    needed: page.documentElement.scrollWidth,
    dead: anchors.map((a) => a.hash.slice(1)).filter((id) => !ids.has(id)),
    height: page.documentElement.scrollHeight,
  });
});
</script>
"""


def measure(page, directory, *, width):
    """Opens a page in a frame and measures it.

    Args:
        page: Path of an HTML file.
        directory: Where the browser may write.
        width: Of the frame, in pixels.

    Returns:
        A dict: `num_images`, `broken` (texts of images that do not load),
        `width` of the page, `needed` by its content, `height`, `dead`
        (anchors that lead nowhere), `console` (what the browser complains of),
        `requests` (what it asked a network for).
    """
    directory = pathlib.Path(directory)
    frame = directory / f"frame-{width}.html"
    frame.write_text(_FRAME % (pathlib.Path(page).resolve().as_uri(), width))
    log = directory / f"net-{width}.json"
    result = run(
        directory,
        *("--disable-web-security", "--allow-file-access-from-files"),
        *("--enable-logging=stderr", f"--log-net-log={log}", "--dump-dom"),
        *("--window-size=1400,1000", frame.as_uri()),
    )
    found = re.search("<pre>({.*?})</pre>", result.stdout, re.S)
    assert found, result.stderr
    console = re.findall(r"CONSOLE[^\n]*", result.stderr)
    # The browser itself has no origin, and asks its maker this and that.
    requests = re.findall(
        r'"initiator":"(?!not an origin).*"url":"((?:https?|wss?):[^"]*)"',
        log.read_text(),
    )
    return {
        **json.loads(found[1]),
        "console": console,
        "requests": requests,
    }


def command(directory):
    """Returns how Chromium is called, with its profile in a directory."""
    return [
        _CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
        *("--disable-background-networking", "--disable-sync"),
        *("--disable-component-update", "--hide-scrollbars"),
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        f"--user-data-dir={pathlib.Path(directory) / 'profile'}",
    ]


def run(directory, *arguments):
    """Runs Chromium, with its profile in a directory, to its end."""
    return subprocess.run(
        [*command(directory), *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
