"""Options: fields of a configuration, each declared once.

A field that a `Group` makes carries all that is to be known of it: default,
help, check, and what it is to a run. The flags, their help, the identity of a
run and what a sweep may try are derived from it:

    TRAINING = options.Group("Training")

    @options.documented
    @dataclasses.dataclass(frozen=True)
    class TrainConfig:
        seed: int = TRAINING.option(0, "Of all draws.", check=checks.integer(0))

        def __post_init__(self) -> None:
            options.check_fields(self)

How values are written follows from the annotation, and the choices from its
`Literal`. Annotations must be objects for that: a module with options does not
import them from `__future__`, which would make them text.
"""

import dataclasses
import textwrap
import types
import typing
from typing import Any
from typing import Literal
from typing import TypeVar

from pipeline import checks
from pipeline import parsing

_T = TypeVar("_T")

# What an option is to a run:
# "result" decides what is computed; a run is resumed only with the same value.
# "course" is how fast, how long and with what records; resuming may change it.
# "shared" likewise, but it is the same for all trials of a sweep.
# "process" likewise, and belongs to no flag file that repeats the run.
Scope = Literal["result", "course", "shared", "process"]

_KINDS: dict[Any, parsing.Kind] = {
    bool: "boolean",
    int: "integer",
    float: "number",
    str: "string",
    tuple[str, ...]: "names",
    dict[str, Any]: "object",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """Options that belong together, under one heading of the help.

    Attributes:
        title: The heading.
        scope: Of its options, where they do not say otherwise.
    """

    title: str
    scope: Scope = "result"

    def option(
        self,
        default: _T,
        help: str,
        *,
        details: str = "",
        kind: parsing.Kind | None = None,
        check: checks.Check | None = None,
        scope: Scope | None = None,
    ) -> _T:
        """Returns a field of a dataclass, typed as its value.

        Args:
            default: Value where none is given.
            help: A phrase or two, for the command line and the docstring.
            details: What only the docstring adds.
            kind: How values are written, where the annotation does not tell.
            check: Returns the value to keep, or raises ValueError. None for
                that of a `Literal` or a truth value, or none at all.
            scope: What the option is to a run; None for the group's.
        """
        field: object = dataclasses.field(
            default=default,
            metadata={
                "group": self,
                "help": help,
                "details": details,
                "kind": kind,
                "check": check,
                "scope": scope or self.scope,
            },
        )
        return typing.cast(_T, field)


@dataclasses.dataclass(frozen=True)
class Option:
    """A field of a configuration, as what is derived from it sees it.

    Attributes:
        name: Of the field and of the flag.
        kind: How its values are written.
        help: As for `Group.option`.
        default: Its value where none is given.
        choices: The values of an `enum`.
        details: As for `Group.option`, like the rest.
    """

    name: str
    kind: parsing.Kind
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    details: str = ""
    check: checks.Check | None = None
    group: Group = Group("")
    scope: Scope = "result"

    @property
    def is_flag(self) -> bool:
        """Whether the command line has it."""
        return self.kind != "python"

    @property
    def in_identity(self) -> bool:
        """Whether a run is resumed only with the same value."""
        return self.scope == "result"

    @property
    def in_flagfile(self) -> bool:
        """Whether a flag file that repeats the run names it."""
        return self.scope != "process"

    @property
    def can_sweep(self) -> bool:
        """Whether the trials of a sweep may differ by it."""
        return self.is_flag and self.scope in ("result", "course")

    @property
    def holds_commas(self) -> bool:
        """Whether a single value may be written with commas."""
        return self.kind in parsing.KINDS_WITH_COMMAS

    def parse(self, value: Any) -> Any:
        """Returns the configuration's value for what a flag holds.

        Args:
            value: Text; what is none, such as a truth value, is returned.

        Raises:
            ValueError: If the text is not of the option's kind.
        """
        return parsing.parse(self.name, self.kind, value)


def options_of(config_class: type) -> dict[str, Option]:
    """Returns the options that the fields of a dataclass are, by name."""
    return {
        field.name: _read_field(field)
        for field in dataclasses.fields(config_class)
    }


def check_fields(config: Any) -> None:
    """Brings each field of a new configuration to the form that is kept.

    Raises:
        ValueError: For the first value that its option does not take.
    """
    for name, option in options_of(type(config)).items():
        if option.check is not None:
            value = option.check(name, getattr(config, name))
            object.__setattr__(config, name, value)


def documented(config_class: type[_T]) -> type[_T]:
    """Adds what the options say of themselves to the docstring of a class."""
    lines = []
    for option in options_of(config_class).values():
        texts = [f"{option.name}: {option.help}", option.details]
        if option.choices:
            texts.append(f"One of {', '.join(option.choices)}.")
        text = " ".join(filter(None, texts))
        lines += textwrap.wrap(
            text, 80, initial_indent=" " * 8, subsequent_indent=" " * 12
        )
    attributes = "\n".join(["", "", "    Attributes:", *lines, ""])
    config_class.__doc__ = (config_class.__doc__ or "").rstrip() + attributes
    return config_class


def _read_field(field: "dataclasses.Field[Any]") -> Option:
    about = dict(field.metadata)
    annotation, is_optional = _without_none(field.type)
    choices: tuple[str, ...] = ()
    if typing.get_origin(annotation) is Literal:
        choices = typing.get_args(annotation)
    if choices and about["check"] is None:
        check = checks.one_of(choices)
        about["check"] = checks.optional(check) if is_optional else check
    if annotation is bool and not is_optional and about["check"] is None:
        about["check"] = checks.boolean
    if about["kind"] is None:
        about["kind"] = "enum" if choices else _KINDS.get(annotation)
    if about["kind"] is None:
        raise TypeError(
            f"`{field.name}` must be declared with `kind`, which its type does "
            f"not tell. Received: {annotation!r}"
        )
    return Option(
        name=field.name, default=field.default, choices=choices, **about
    )


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Returns the type that may be left out, and whether it may."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation, False
    members = typing.get_args(annotation)
    others = tuple(m for m in members if m is not type(None))
    # A union of several has no kind of its own.
    return others[0] if len(others) == 1 else others, len(others) < len(members)
