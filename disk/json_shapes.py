"""What a JSON file of ours must look like before anything is made of it.

A program wrote it; somebody may have edited it since, or it is of another
version.
"""

from __future__ import annotations

from typing import Any

NUMBER = (int, float)

# What JSON calls them.
_WORDS = {
    bool: "true or false",
    dict: "an object",
    float: "a number",
    int: "a whole number",
    list: "a list",
    str: "a text",
}


def check(value: Any, shape: Any, key: str = "") -> None:
    """Raises where a value is not of a shape.

    Args:
        value: What `json.loads` returned, or a part of it.
        shape: A type, or a tuple of types, as which truth values are no
            numbers; a list of one shape, for a list of such values; or a
            dictionary of shapes by name, for an object. What that does not
            name may be anything, and what it names be missing, or null where
            nobody knows it.
        key: Where the value stands, for the error.

    Raises:
        ValueError: If it is not; the text names the key.
    """
    kinds = shape if isinstance(shape, tuple) else (shape,)
    kinds = tuple(k if isinstance(k, type) else type(k) for k in kinds)
    if type(value) not in kinds:
        where = f'"{key}" must be' if key else "it must be"
        raise ValueError(f"{where} {_WORDS[kinds[-1]]}, not {value!r:.60}")
    if isinstance(shape, list):
        for index, item in enumerate(value):
            check(item, shape[0], f"{key}[{index}]")
    if isinstance(shape, dict):
        for name, part in shape.items():
            if value.get(name) is not None:
                check(value[name], part, f"{key}.{name}" if key else name)
