"""The palette, and figures as files."""

import io
import os
import subprocess
import sys
import xml.etree.ElementTree

from PIL import Image
import numpy as np
import pytest

from pages import charts


def _draw(fig):
    axes = fig.subplots()
    axes.plot([0, 1], [1, 2], label="$a$")
    axes.legend()


def test_svg_keeps_its_text_and_is_the_same_each_time():
    picture = charts.render(_draw, (3, 2))
    root = xml.etree.ElementTree.fromstring(picture)
    assert root.tag.endswith("svg")
    assert "$a$" in {element.text for element in root.iter()}
    assert picture == charts.render(_draw, (3, 2))


def test_png_has_the_size_that_was_asked_for():
    picture = charts.render(_draw, (3, 2), file_format="png", dpi=50)
    with Image.open(io.BytesIO(picture)) as image:
        assert (image.format, image.size) == ("PNG", (150, 100))


def test_style_of_a_caller_is_left_as_it_was():
    import matplotlib

    before = dict(matplotlib.rcParams)
    charts.render(_draw, (3, 2))
    assert dict(matplotlib.rcParams) == before


def test_first_series_differ_in_more_than_the_line():
    styles = [charts.series_style(index) for index in range(18)]
    assert len(set(styles)) == 18
    assert len({style.color for style in styles[:6]}) == 6
    assert styles[0].line == "solid"


def _luminance(color):
    """Relative luminance (WCAG 2.2)."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("color", [charts.INK, charts.ALARM])
def test_text_of_a_chart_can_be_read(color):
    assert 1.05 / (_luminance(color) + 0.05) > 4.5


def test_settings_of_a_caller_change_no_picture():
    import matplotlib

    expected = charts.render(_draw, (3, 2))
    # As a `matplotlibrc` has them.
    with matplotlib.rc_context(
        {"text.usetex": True, "savefig.transparent": True, "lines.linewidth": 9}
    ):
        assert charts.render(_draw, (3, 2)) == expected


def test_backend_that_matplotlib_does_not_know_is_no_obstacle():
    program = (
        "import os\n"
        "from pages import charts\n"
        "print(len(charts.render(lambda fig: None, (3, 2))))\n"
        "print(os.environ['MPLBACKEND'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"MPLBACKEND": "of_another_version"},
        capture_output=True,
        text=True,
    )
    size, backend = done.stdout.split()
    assert int(size) > 300 and backend == "of_another_version", done.stderr
