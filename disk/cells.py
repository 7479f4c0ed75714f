"""CSV files that people write and open in spreadsheets."""

from collections.abc import Iterable
from collections.abc import Sequence
import csv
import io

# What a spreadsheet takes for the beginning of a formula:
# https://owasp.org/www-community/attacks/CSV_Injection.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")

# Byte order marks, without which a file is UTF-8.
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


def to_cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _is_formula(text) else text


def from_cell(text: str) -> str:
    """Returns the text that `to_cell` was given."""
    return text[1:] if text[:1] == "'" and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Whether a text is a formula, or one that is quoted already."""
    return text.lstrip("'").startswith(_FORMULA_STARTS)


def join_names(names: Iterable[str]) -> str:
    """Returns names with commas between them; one that has commas is quoted."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(names)
    return text.getvalue()


def split_names(text: str) -> tuple[str, ...]:
    """Returns what `join_names` was given, or a user wrote likewise."""
    reader = csv.reader([text], skipinitialspace=True)
    return tuple(name.strip() for row in reader for name in row)


def check_separator(header: Sequence[str], *, option: str, path: str) -> None:
    """Raises ValueError where values are separated by other than commas.

    Args:
        header: Names of the columns, as they would be with commas, of which
            those that a table must have are not among them.
        option: That names the file, for the error.
        path: Of the file, for the error.
    """
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if mark in "".join(header):
            raise ValueError(
                f"`{option}` must have its values separated by commas. "
                f"Received: {path}, separated by {name}. Save it as 'CSV "
                "UTF-8', or replace them, and commas in numbers by points."
            )


def decode_table(data: bytes, *, option: str, path: str) -> str:
    """Returns the text of a table, without its byte order mark.

    Args:
        data: Content of the file: UTF-8, or UTF-16 that says so.
        option: That names the file, for the error.
        path: Of the file, for the error.

    Raises:
        ValueError: If it is neither.
    """
    encoding = "utf-16" if data.startswith(_UTF_16) else "utf-8-sig"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"`{option}` must be UTF-8. Save it as 'CSV UTF-8'. Received: "
            f"{path} with other characters in line {line}"
        ) from error
