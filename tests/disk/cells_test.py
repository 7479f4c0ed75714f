"""Cells hold no formula, and every text comes back."""

import pytest

from disk import cells


@pytest.mark.parametrize(
    "text",
    ["", "a", "=1+1", "-x", "'a", "'=a", "''=a", "'", "a=1", "@x", "+1"],
)
def test_text_comes_back_and_is_no_formula(text):
    cell = cells.to_cell(text)
    assert cells.from_cell(cell) == text
    assert not cell.startswith(("=", "+", "-", "@"))


def test_texts_stay_different():
    texts = ["=a", "'=a", "''=a"]
    assert len({cells.to_cell(text) for text in texts}) == len(texts)
