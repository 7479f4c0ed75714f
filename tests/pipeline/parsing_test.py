"""Values from text, kind by kind."""

import pytest

from pipeline import parsing


@pytest.mark.parametrize(
    "kind, text, value",
    [
        ("integer", "12", 12),
        ("number", "0.5", 0.5),
        ("number", "1/255", 1 / 255),
        ("number", "1e-3", 0.001),
        ("range", "0.1", 0.1),
        ("range", "10", 10),
        ("range", "-8,0,8", [-8, 0, 8]),
        ("range", "0.1,0.2", [0.1, 0.2]),
        ("pair", "0.2", 0.2),
        ("pair", "0.8,1.2", (0.8, 1.2)),
        ("size", "128", (128, 128)),
        ("size", "256,192", (256, 192)),
        ("names", "normal, pneumonia", ("normal", "pneumonia")),
        ("string", "1,2", "1,2"),
        ("steps", "10,20", (10, 20)),
        ("class_weight", "balanced", "balanced"),
        ("class_weight", '{"a": 2}', {"a": 2}),
    ],
)
def test_text_of_a_kind_is_read(kind, text, value):
    parsed = parsing.parse("x", kind, text)
    assert parsed == value
    # An int number of pixels and a float fraction follow different laws.
    assert type(parsed) is type(value)


@pytest.mark.parametrize(
    "kind, text",
    [
        ("path", ""),
        ("integer", "1.5"),
        ("number", "one"),
        ("number", "1/0"),
        ("range", "1,,2"),
        ("pair", "a,b"),
        ("size", "256x256"),
        ("steps", "10"),
        ("class_weight", "heavy"),
        ("object", "5"),
        ("object", '{"a": NaN}'),
        ("object", '{"a": 1, "a": 2}'),
    ],
)
def test_error_names_what_it_received_when_wrong(kind, text):
    with pytest.raises(ValueError, match=f"`x` must be .*Received: x={text}"):
        parsing.parse("x", kind, text)


def test_path_of_the_home_directory_is_spelled_out(monkeypatch):
    monkeypatch.setenv("HOME", "/home/someone")
    assert parsing.parse("x", "path", "~/xrays") == "/home/someone/xrays"


def test_commas_are_known_of_the_kinds_that_read_them():
    texts = {
        "range": "1,2",
        "pair": "1,2",
        "size": "1,2",
        "steps": "1,2",
        "names": "a,b",
        "object": '{"a": 1, "b": 2}',
        "class_weight": '{"a": 1, "b": 2}',
    }
    assert set(texts) == parsing.KINDS_WITH_COMMAS
    for kind, text in texts.items():
        assert len(parsing.parse("x", kind, text)) == 2
