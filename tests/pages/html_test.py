"""The frame of every page: harmless, complete, legible in light and dark."""

import importlib.resources
import re

import jinja2
import numpy as np
import pytest

from pages import html
from tests.helpers import report_inputs

_CHILD = """\
{% extends "base.html.j2" %}
{% from "macros.j2" import frame, tile %}
{% set sections = [("First", "first")] %}
{% block title %}{{ name }}{% endblock %}
{% block masthead %}<h1>{{ name }}</h1>{% endblock %}
{% block content %}
<section id="first">{{ frame(picture, name) }}{{ tile(3, name) }}</section>
<a href="{{ link | web_address }}">{{ number | number_of("image") }}</a>
{% endblock %}
{% block footer %}{{ name }}{% endblock %}
"""


def _render(**values):
    values = {
        "name": "n",
        "picture": report_inputs.PIXEL,
        "link": "https://example.org",
        "number": 1234,
        **values,
    }
    template = html.environment("pages", {}).from_string(_CHILD)
    return template.render(values)


def test_page_is_harmless_and_holds_what_it_was_given():
    hostile = "<script>alert(1)</script>"
    text = _render(name=hostile)
    report_inputs.assert_harmless(text)
    page = report_inputs.Page(text)
    assert hostile in page.text and "1,234 images" in page.text
    assert ("a", {"href": "#first"}) in page.tags
    sources = [tag["src"] for name, tag in page.tags if name == "img"]
    assert sources == [report_inputs.PIXEL]


def test_addresses_that_load_or_run_do_not_pass():
    text = _render(picture="https://evil.example/x", link="javascript:alert(1)")
    report_inputs.assert_harmless(text.replace('href="None"', 'href="#"'))
    assert "evil.example" not in text and "javascript" not in text


def test_missing_value_is_an_error():
    template = html.environment("pages", {}).from_string("{{ nothing }}")
    with pytest.raises(jinja2.UndefinedError, match="nothing"):
        template.render()


@pytest.mark.parametrize(
    "value, shown",
    [(None, "–"), (0.12345, "0.123"), (1234.5, "1,234"), (99.96, "100")],
)
def test_measure_has_three_digits_or_all_before_the_point(value, shown):
    environment = html.environment("pages", {})
    text = environment.from_string("{{ v | measure }}").render(v=value)
    assert text == shown


def _luminance(color):
    """Relative luminance (WCAG 2.2)."""
    digits = color[1:] if len(color) == 7 else "".join(2 * c for c in color[1:])
    rgb = np.array([int(digits[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    linear = np.where(
        rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4
    )
    return linear @ [0.2126, 0.7152, 0.0722]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_stands_out_from_what_it_stands_on(scheme):
    style = importlib.resources.files("pages") / "templates/style.css"
    variables = re.findall(r":root {(.*?)}", style.read_text(), re.S)[scheme]
    colors = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", variables))
    for text, ground in [
        *(("ink", "paper"), ("ink", "tint"), ("quiet", "paper")),
        *(("quiet", "tint"), ("link", "paper"), ("alarm", "paper")),
        *(("alarm", "alarm-tint"), ("warn", "warn-tint"), ("ink", "warn-tint")),
        *(("good", "good-tint"), ("quiet", "stripe"), ("ink", "alarm-tint")),
    ]:
        bright, dark = sorted(
            (_luminance(colors[text]), _luminance(colors[ground])), reverse=True
        )
        assert (bright + 0.05) / (dark + 0.05) > 4.5, (text, ground)


def test_flag_is_not_broken_and_what_is_around_it_is_harmless():
    environment = html.environment("xray_tfds.report", {})
    template = environment.from_string("{{ text | whole_flags }}")
    shown = template.render(text='<b> --validation=carve, --final & "x"')
    assert shown == (
        '&lt;b&gt; <code class="flag">--validation=carve</code>, '
        '<code class="flag">--final</code> &amp; &#34;x&#34;'
    )
