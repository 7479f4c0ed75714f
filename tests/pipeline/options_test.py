"""Options that are declared once: what is derived from a field."""

import dataclasses
from typing import Any
from typing import Literal

import pytest

from pipeline import checks
from pipeline import options

_GROUP = options.Group("Group", scope="course")


@options.documented
@dataclasses.dataclass(frozen=True)
class Config:
    """An example."""

    rate: float = _GROUP.option(
        0.5, "Of the example.", details="No more.", check=checks.positive
    )
    count: int | None = _GROUP.option(None, "How many.", scope="process")
    flag: bool = _GROUP.option(False, "Whether.")
    names: tuple[str, ...] | None = _GROUP.option(None, "Which.")
    mode: Literal["a", "b"] = _GROUP.option("a", "The way.", scope="result")
    maybe: Literal["c", "d"] | None = _GROUP.option(None, "Or not.")
    pair: Any = _GROUP.option(0.0, "Two.", kind="pair", check=checks.zoom)
    hook: Any = _GROUP.option(None, "Python's.", kind="python", scope="shared")

    def __post_init__(self) -> None:
        options.check_fields(self)


def _attribute(name):
    return {n: getattr(o, name) for n, o in options.options_of(Config).items()}


def test_kind_follows_from_the_annotation_where_none_is_given():
    assert _attribute("kind") == {
        "rate": "number",
        "count": "integer",
        "flag": "boolean",
        "names": "names",
        "mode": "enum",
        "maybe": "enum",
        "pair": "pair",
        "hook": "python",
    }


def test_choices_are_those_of_the_literal():
    assert _attribute("choices")["mode"] == ("a", "b")
    assert _attribute("choices")["maybe"] == ("c", "d")
    assert _attribute("choices")["rate"] == ()


def test_annotation_without_a_kind_is_refused_where_it_is_declared():
    with pytest.raises(TypeError, match="`value` must be declared with `kind`"):

        @options.documented
        @dataclasses.dataclass
        class _Unclear:
            """An example."""

            value: Any = _GROUP.option(None, "Anything.")


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"rate": 0}, "`rate` must be a positive number. Received: rate=0"),
        ({"mode": "c"}, "`mode` must be one of a, b. Received: mode=c"),
        ({"mode": None}, "`mode` must be one of a, b. Received: mode=None"),
        ({"maybe": "a"}, "`maybe` must be one of c, d. Received: maybe=a"),
        ({"maybe": []}, r"`maybe` must be one of c, d. Received: maybe=\[\]"),
    ],
)
def test_value_that_its_option_does_not_take_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Config(**fields)


def test_fields_are_kept_in_the_form_that_the_check_returns():
    assert Config(pair=0.5).pair == (0.5, 1.5)
    assert Config(maybe="c").maybe == "c"
    assert Config().maybe is None


def test_scope_says_what_an_option_is_to_a_run():
    names = ("in_identity", "in_flagfile", "can_sweep", "is_flag")
    found = {
        name: tuple(getattr(option, n) for n in names)
        for name, option in options.options_of(Config).items()
    }
    assert found["mode"] == (True, True, True, True)
    assert found["rate"] == (False, True, True, True)
    assert found["count"] == (False, False, False, True)
    assert found["hook"] == (False, True, False, False)


def test_docstring_has_all_texts_and_fits():
    lines = Config.__doc__.splitlines()
    assert lines[0] == "An example."
    assert "        rate: Of the example. No more." in lines
    assert "        mode: The way. One of a, b." in lines
    assert max(map(len, lines)) <= 80
