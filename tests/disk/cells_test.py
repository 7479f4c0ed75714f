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


@pytest.mark.parametrize(
    "names, text",
    [
        (("normal", "pneumonia"), "normal,pneumonia"),
        (("a b", "é"), "a b,é"),
        (("a, b", 'c"d', "e"), '"a, b","c""d",e'),
        (("a", ""), "a,"),
        (("auto",), "auto"),
    ],
)
def test_names_come_back_from_their_text(names, text):
    assert cells.join_names(names) == text
    assert cells.split_names(text) == names


def test_names_may_have_spaces_around_them():
    assert cells.split_names(' a , "b, c" ') == ("a", "b, c")
