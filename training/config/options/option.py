"""One option of a command line: its kind, its text, its value."""

from collections.abc import Callable
import dataclasses
from typing import Any

from training.config import parsing

# What each kind is written like; `string`, `boolean`, `enum`: as they are.
PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "integer": (int, "a whole number"),
    "number": (parsing.parse_number, "a number, such as 0.5 or 1/255"),
    "range": (parsing.parse_range, "a number, or several, such as -8,0,8"),
    "pair": (parsing.parse_pair, "one number, or two, such as 0.8,1.2"),
    "size": (parsing.parse_size, "one int, or height and width as 256,256"),
    "steps": (parsing.parse_steps, "two steps, such as 100,110"),
    "names": (parsing.parse_names, "names, such as normal,pneumonia"),
    "object": (parsing.parse_object, 'JSON, such as {"on_leak": "move"}'),
    "class_weight": (
        parsing.parse_class_weight,
        'none, balanced, or JSON such as {"normal": 2, "pneumonia": 1}',
    ),
}


@dataclasses.dataclass(frozen=True)
class Option:
    """An option of the command line.

    Attributes:
        name: Also the name of the configuration's field.
        kind: `string`, `boolean`, `enum`, or one of `PARSERS`.
        help: A phrase or two.
        default: The value if the option is left out.
        choices: The values of an `enum`.
    """

    name: str
    kind: str
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()

    def parse(self, value):
        """Returns the configuration's value for what a flag holds.

        Raises:
            ValueError: If `value` is text that is not of this kind.
        """
        if value is None or self.kind not in PARSERS:
            return value
        parser, expected = PARSERS[self.kind]
        try:
            return parser(str(value))
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(
                f"`{self.name}` must be {expected}. "
                f"Received: {self.name}={value}"
            ) from error
