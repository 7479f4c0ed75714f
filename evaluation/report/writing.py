"""The content of `metrics.json` -> `report.html` and `model_card.md`."""

from __future__ import annotations

import os
import pathlib

from evaluation.report import card
from evaluation.report import page
from evaluation.report import words

PAGE_FILE = "report.html"
CARD_FILE = "model_card.md"


def write_report(
    results: words.Results, output_dir: str | os.PathLike[str]
) -> pathlib.Path:
    """Writes the page and the model card, or writes them anew.

    Both are made before either is written, and each takes its place at once:
    nobody finds half of one.

    Args:
        results: The content of `metrics.json`, complete.
        output_dir: An existing directory.

    Returns:
        Path of `report.html`; `model_card.md` lies beside it.
    """
    directory = pathlib.Path(output_dir)
    texts = {CARD_FILE: card.render(results), PAGE_FILE: page.render(results)}
    unfinished = {name: directory / f".{name}.tmp" for name in texts}
    try:
        for name, text in texts.items():
            # A file name need not be valid Unicode: its odd bytes are spelt
            # out.
            unfinished[name].write_bytes(
                text.encode("utf-8", "backslashreplace")
            )
        for name, path in unfinished.items():
            path.replace(directory / name)
    finally:
        for path in unfinished.values():
            path.unlink(missing_ok=True)
    return directory / PAGE_FILE
