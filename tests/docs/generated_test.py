"""What the site shows of the source is all of it."""

import dataclasses

import pytest

from docs import generated
from tests.helpers import pages
import xray_tfds


@pytest.mark.parametrize("program", ["train.py", *generated.PROGRAMS])
def test_page_of_programs_has_each_option_once(program):
    assert f"<!-- options of {program} -->" in pages.read(
        "docs/reference/programs.md"
    )
    text = generated.fill(f"<!-- options of {program} -->")
    for group in generated.groups_of(program).values():
        for option in group:
            prefix = "[no]" if option.kind == "boolean" else ""
            assert text.count(f"`--{prefix}{option.name}`\n") == 1


def test_page_of_the_dataset_has_each_option():
    text = generated.fill("<!-- options of XrayConfig -->")
    for field in dataclasses.fields(xray_tfds.XrayConfig):
        is_ours = field.name in xray_tfds.XrayConfig.__annotations__
        shown = f"`{field.name}`\n" in text
        assert shown == (is_ours and field.name != "name"), field.name
    assert "Default: `[256, 256]`" in text


def test_page_of_exit_statuses_has_a_row_for_each():
    rows = generated.fill("<!-- exit statuses -->").splitlines()
    cells = [row.split("|")[1].strip() for row in rows]
    assert cells[:3] == ["status", "---", "0"]
    assert cells[3:] == ["2", "3", "4", "5", "6", "7", "76", "128 + n"]


def test_reference_names_what_is_there():
    text = generated.fill("<!-- reference of pipeline -->")
    assert ".. autoclass:: pipeline.AugmentConfig\n" in text
    assert ".. autofunction:: pipeline.make_train_dataset\n" in text
    text = generated.fill("<!-- reference of training -->")
    assert ".. autodata:: training.config.METRICS\n" in text
