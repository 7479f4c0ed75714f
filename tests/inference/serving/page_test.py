"""The page, used in a browser."""

import base64

import numpy as np
import pytest

from inference import predictor as predictor_lib
from inference.serving import checking
from tests.helpers import browser
from tests.helpers import devtools
from tests.helpers import services

pytestmark = browser.needs_chromium

_STATUS = "document.querySelector('#status').textContent"


class _Check(checking.Check):
    def of_film(self, decoded, pixels):
        return ("inverted",) if pixels.mean() > 200 else ()


@pytest.fixture(scope="module")
def service():
    with services.running(check=_Check()) as running:
        yield running


@pytest.fixture(scope="module")
def window(tmp_path_factory):
    with devtools.opened(tmp_path_factory.mktemp("browser")) as page:
        yield page


@pytest.fixture
def page(window, service):
    window.open(service.url)
    window.errors.clear()
    window.requests.clear()
    return window


def _text(page, selector):
    return page.evaluate(f"document.querySelector('{selector}').innerText")


def _choose(page, *paths):
    page.choose_files("#files", paths)
    page.wait(f"/[.]$/.test({_STATUS})")


def _is_seen(page, selector):
    return page.evaluate(
        f"document.querySelector('{selector}').checkVisibility()"
    )


def test_film_is_scored_and_its_map_can_be_faded(page, service, tmp_path):
    (path,) = services.write_films(tmp_path, ["dark film.png"])
    assert not _is_seen(page, "#result")
    _choose(page, path)
    page.wait("document.querySelector('#map').naturalWidth > 0")
    assert page.evaluate(_STATUS) == "dark film.png: ill."
    assert _text(page, "#decision") == "ill"
    assert "83.9 %" in _text(page, "#bars")
    assert "Calibrated: 69.6 %" in _text(page, "#meaning")
    assert "0.500" in _text(page, "#rule")
    assert _text(page, "#flags") == ""
    # The map lies on the film, and on all of it.
    assert _is_seen(page, "#film") and _is_seen(page, "#map")
    boxes = page.evaluate(
        "['#film', '#map'].map((s) => document.querySelector(s))"
        ".map((e) => e.getBoundingClientRect())"
        ".map((r) => [r.left, r.top, r.width, r.height].map(Math.round))"
    )
    assert boxes[0] == boxes[1]
    left = page.screenshot()
    page.evaluate("document.querySelector('#opacity').focus()")
    page.press("Home", 36)
    assert _text(page, "#opacity-value") == "0 %"
    opacity = "getComputedStyle(document.querySelector('#map')).opacity"
    assert page.evaluate(opacity) == "0"
    assert page.screenshot() != left
    page.press("End", 35)
    assert page.evaluate(opacity) == "1"
    assert not page.errors
    # Data URLs, and what the service itself has.
    for url in page.requests:
        assert url.startswith(("data:", service.url))


def test_bad_file_alone_is_told(page, tmp_path):
    bad = tmp_path / "notes.txt"
    bad.write_text("no film")
    page.choose_files("#files", [bad])
    page.wait(f"/^notes.txt was not scored: not an image/.test({_STATUS})")
    assert "not an image" in _text(page, "#decision")
    assert _is_seen(page, "#decision")
    for selector in ("#film", "#map", "#bars"):
        assert not _is_seen(page, selector)
    # And the next film is scored as ever.
    _choose(page, *services.write_films(tmp_path, ["a.png"]))
    page.wait("document.querySelector('#map').naturalWidth > 0")
    assert _is_seen(page, "#map") and _is_seen(page, "#bars")


def test_several_films_become_a_table_that_can_be_downloaded(page, tmp_path):
    names = ["=1+1.png", 'a "b", c.png', "light.png"]
    paths = services.write_films(tmp_path, names, level=160)
    bad = tmp_path / "notes.txt"
    bad.write_text("no film")
    _choose(page, *paths[:2], bad, paths[2])
    assert page.evaluate(_STATUS) == "3 of 4 films scored, 1 could not be."
    rows = page.evaluate(
        "[...document.querySelectorAll('#rows tr')]"
        ".map((row) => [...row.children].map((cell) => cell.innerText))"
    )
    assert [row[0] for row in rows] == [*names[:2], "notes.txt", names[2]]
    assert rows[2][1] == "not scored" and "not an image" in rows[2][4]
    assert rows[3][1] == "well" and rows[3][4] == "inverted"
    page.evaluate("document.querySelectorAll('#rows button')[3].click()")
    page.wait(
        "document.querySelector('#result-name').innerText === 'light.png'"
    )
    # What is flagged is scored, and its score not explained as a film's.
    assert "Black and white" in _text(page, "#flags")
    assert "films like those of the training" in _text(page, "#meaning")
    csv = page.evaluate("toCsv()").split("\r\n")
    assert csv[0] == (
        "filename,decision,probability_well,probability_ill,"
        "calibrated_well,calibrated_ill,flags,error"
    )
    assert csv[1].startswith("'=1+1.png,well,0.6")
    assert csv[2].startswith('"a ""b"", c.png",well,')
    assert csv[3].startswith("notes.txt,,,,,,,")
    page.call(
        "Browser.setDownloadBehavior",
        behavior="allow",
        downloadPath=str(tmp_path),
    )
    page.evaluate("document.querySelector('#download').click()")
    file = tmp_path / "scores.csv"
    page.wait_for(lambda: file.exists() and file.stat().st_size)
    assert file.read_bytes().decode() == "\r\n".join(csv)


def test_film_is_dropped(page):
    encoded = base64.b64encode(services.film(200)).decode()
    page.evaluate(
        "const transfer = new DataTransfer();"
        f"const text = atob('{encoded}');"
        "const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));"
        "transfer.items.add(new File([bytes], 'dropped.png'));"
        "document.querySelector('#drop').dispatchEvent("
        "new DragEvent('drop', { dataTransfer: transfer, cancelable: true }))"
    )
    page.wait(f"{_STATUS} === 'dropped.png: well.'")


def test_more_classes_have_a_bar_each(window, tmp_path):
    def score(images):
        return predictor_lib.Outputs(np.tile([0.2, 0.3, 0.5], (len(images), 1)))

    predictor = services.make_predictor(
        class_names=("well", "<b>ill</b>", "worse"),
        threshold=None,
        temperature=None,
        maps=None,
        score=score,
    )
    paths = services.write_films(tmp_path, ["a.png", "b.png"])
    with services.running(predictor) as service:
        window.open(service.url)
        window.errors.clear()
        _choose(window, *paths)
        assert _text(window, "#decision") == "worse"
        assert _text(window, "#bars").split("\n") == [
            *("Probability of well", "20.0 %"),
            *("Probability of <b>ill</b>", "30.0 %"),
            *("Probability of worse", "50.0 %"),
        ]
        assert "Not calibrated" in _text(window, "#meaning")
        assert _is_seen(window, "#film")
        assert not _is_seen(window, "#map")
        assert not _is_seen(window, "#opacity")
        assert not window.errors


def test_row_is_opened_with_the_keyboard(page, tmp_path):
    paths = services.write_films(tmp_path, ["a.png", "b.png"], level=40)
    bad = tmp_path / "bad.png"
    bad.write_bytes(paths[0].read_bytes()[:40])
    _choose(page, *paths, bad)
    page.evaluate("document.querySelectorAll('#rows button')[1].focus()")
    page.press("Enter", 13)
    page.wait("document.querySelector('#result-name').innerText === 'b.png'")
    page.wait("document.querySelector('#map').naturalWidth > 0")
    assert page.evaluate("document.activeElement.id") == "result"
    page.evaluate("document.querySelectorAll('#rows button')[2].focus()")
    page.press("Enter", 13)
    page.wait(
        "/Not scored/.test(document.querySelector('#decision').innerText)"
    )
    assert "truncated" in _text(page, "#decision")
    assert not _is_seen(page, "#film") and not _is_seen(page, "#bars")
    page.evaluate("document.querySelector('#clear').focus()")
    page.press("Enter", 13)
    assert not _is_seen(page, "#all") and not _is_seen(page, "#result")
    assert page.evaluate("document.activeElement.id") == "files"


def test_service_that_is_gone_is_told(window, tmp_path):
    (path,) = services.write_films(tmp_path, ["a.png"])
    with services.running() as service:
        window.open(service.url)
    window.choose_files("#files", [path])
    window.wait(f"/cannot be reached/.test({_STATUS})")
    assert "cannot be reached" in _text(window, "#decision")


def test_score_stays_where_its_map_cannot_be_had(window, tmp_path):
    paths = services.write_films(tmp_path, ["a.png", "b.png"])
    with services.running() as service:
        window.open(service.url)
        _choose(window, *paths)
        csv = window.evaluate("toCsv()")
    assert csv.count(",ill,") == 2
    window.evaluate("document.querySelectorAll('#rows button')[1].click()")
    window.wait(f"/No map of b.png.*cannot be reached/.test({_STATUS})")
    assert _text(window, "#decision") == "ill"
    assert _is_seen(window, "#bars") and not _is_seen(window, "#film")
    assert window.evaluate("toCsv()") == csv


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_page_is_as_wide_as_its_window(page, tmp_path, width):
    page.resize(width, 800)
    paths = services.write_films(tmp_path, ["a.png", f"{'b' * 80}.png"])
    _choose(page, *paths)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_screen_reader_is_told_what_all_is(page, tmp_path):
    """As the browser's own accessibility tree has it."""
    _choose(page, *services.write_films(tmp_path, ["a.png", "b.png"]))
    page.wait("document.querySelector('#map').naturalWidth > 0")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    named = {
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"]
    }
    roles = {role: name for role, name in named}
    for role in ("button", "slider", "image", "columnheader", "status"):
        assert role in roles
    nameless = {
        role
        for role, name in named
        if role in ("button", "slider", "image", "link") and not name.strip()
    }
    assert not nameless
    assert ("slider", "Opacity of the map over the film") in named
    assert (
        page.evaluate(
            "document.querySelector('#status').getAttribute('aria-live')"
        )
        == "polite"
    )
