"""Text in the cells of a CSV file that people open in spreadsheets."""

# What a spreadsheet takes for the beginning of a formula:
# https://owasp.org/www-community/attacks/CSV_Injection.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")


def to_cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _is_formula(text) else text


def from_cell(text: str) -> str:
    """Returns the text that `to_cell` was given."""
    return text[1:] if text[:1] == "'" and _is_formula(text) else text


def _is_formula(text: str) -> bool:
    """Whether a text is a formula, or one that is quoted already."""
    return text.lstrip("'").startswith(_FORMULA_STARTS)
