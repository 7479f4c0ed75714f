"""The page of the service, and the files that it loads."""

from __future__ import annotations

import functools
import importlib.resources
import json
from typing import NamedTuple

from inference import predictor as predictor_lib
from inference.serving import checking
from inference.serving import config as config_lib
from inference.serving import gate
from pages import html
from xray_tfds.decode import images

_MEDIA_TYPES = {"serve.js": "text/javascript", "serve.css": "text/css"}

_SECTIONS = (
    ("Films", "films"),
    ("From a program", "program"),
    ("Limits", "limits"),
)


class Asset(NamedTuple):
    """A file of the page: its content, and what it is."""

    content: bytes
    media_type: str


@functools.cache
def read_asset(name: str) -> Asset | None:
    """Returns a file that the page loads; None if it has no such file."""
    if name not in _MEDIA_TYPES:
        return None
    path = importlib.resources.files(__package__) / "assets" / name
    return Asset(path.read_bytes(), _MEDIA_TYPES[name])


def render(
    predictor: predictor_lib.Predictor, config: config_lib.ServeConfig
) -> str:
    """Returns the page.

    Args:
        predictor: What is served, limited as `scorer.limit_pixels` does.
        config: To whom, and how much.
    """
    # What the script has to know.
    facts = {
        "classNames": predictor.class_names,
        "threshold": predictor.threshold,
        "isCalibrated": predictor.temperature is not None,
        "flags": checking.MEANINGS,
        "maxBytes": config.max_request_bytes,
    }
    template = html.environment(__package__, {}).get_template("serve.html.j2")
    return template.render(
        facts=json.dumps(facts),
        predictor=predictor,
        config=config,
        policy=gate.POLICY,
        formats=images.FORMATS,
        accept=",".join(images.SUFFIXES),
        sections=_SECTIONS,
    )
