"""JSON that somebody has edited, against what it should look like."""

import pytest

from disk import json_shapes

_SHAPE = {
    "name": str,
    "rate": json_shapes.NUMBER,
    "parts": [{"count": int, "is_kept": bool}],
    "anything": {},
}


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": None, "rate": 1, "parts": [], "anything": None},
        {"rate": 1.5, "parts": [{"count": 0, "is_kept": True, "more": []}]},
        {"anything": {"a": [1, "b"]}, "unknown": object},
    ],
)
def test_what_is_missing_or_unknown_is_fine(value):
    json_shapes.check(value, _SHAPE)


@pytest.mark.parametrize(
    "value, message",
    [
        ([], "^it must be an object, not"),
        (None, "^it must be an object, not None"),
        ({"name": 5}, '^"name" must be a text, not 5'),
        ({"rate": True}, '^"rate" must be a number, not True'),
        ({"rate": "1"}, '^"rate" must be a number'),
        ({"parts": {}}, '^"parts" must be a list'),
        ({"parts": [None]}, r'^"parts\[0\]" must be an object'),
        (
            {"parts": [{}, {"count": 1.5}]},
            r'"parts\[1\].count" must be a whole',
        ),
        ({"parts": [{"is_kept": 1}]}, "true or false, not 1"),
        ({"anything": [1]}, '^"anything" must be an object'),
    ],
)
def test_what_is_of_another_kind_is_named(value, message):
    with pytest.raises(ValueError, match=message):
        json_shapes.check(value, _SHAPE)
