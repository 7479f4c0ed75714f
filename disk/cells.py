"""Text in the cells of a CSV file that people open in spreadsheets."""

# What a spreadsheet takes for the beginning of a formula:
# https://owasp.org/www-community/attacks/CSV_Injection.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t")


def to_cell(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def from_cell(text: str) -> str:
    """Returns the text that `to_cell` was given."""
    is_quoted = text[:1] == "'" and text[1:].startswith(_FORMULA_STARTS)
    return text[1:] if is_quoted else text
