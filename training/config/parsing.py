"""Values of fields from the text of a flag."""

import json


def parse_number(text):
    """Returns the float that `text` is, a fraction such as `"1/255"` too."""
    numerator, slash, denominator = text.partition("/")
    value = float(numerator)
    return value / float(denominator) if slash else value


def parse_range(text):
    """Returns an amount as Keras takes it, from the text of a flag.

    `"0.1"` is a float (a fraction of the size), `"10"` an int (pixels), and
    `"-8,0,8"` a list to choose from.
    """
    values = [_int_or_float(part) for part in text.split(",")]
    return values if len(values) > 1 else values[0]


def parse_pair(text):
    """Returns the number or the pair of numbers that `text` is."""
    values = tuple(float(part) for part in text.split(","))
    return values if len(values) > 1 else values[0]


def parse_size(text):
    """Returns `(height, width)` from text: one int for a square, or two."""
    sizes = tuple(int(part) for part in text.split(","))
    return sizes * 2 if len(sizes) == 1 else sizes


def parse_steps(text):
    """Returns the pair of ints that `"START,STOP"` is."""
    start, stop = text.split(",")
    return int(start), int(stop)


def parse_names(text):
    """Returns a tuple of the names that `text` lists."""
    return tuple(name.strip() for name in text.split(","))


def parse_object(text):
    """Returns the dictionary that a JSON object spells."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(text)
    return value


def parse_class_weight(text):
    """Returns `"none"`, `"balanced"`, or the dictionary that JSON spells."""
    return text if text in ("none", "balanced") else parse_object(text)


def _int_or_float(text):
    try:
        return int(text)
    except ValueError:
        return float(text)
