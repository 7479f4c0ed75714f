"""The Jinja environment of pages that need nothing else.

A page's template extends `base.html.j2`, which brings the head with a content
security policy, the stylesheet, the masthead with its links, and the footer;
`macros.j2` has what is shown in many places.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import re
from typing import Any
from typing import TYPE_CHECKING

from pages import data_urls

if TYPE_CHECKING:
    import jinja2

_FLAG = re.compile(r"--[a-z_]+(=[\w.]+)?")
_WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]+")


def environment(
    package: str, filters: Mapping[str, Callable[..., Any]]
) -> jinja2.Environment:
    """Returns the environment of a package's pages.

    All values are escaped, and a variable that is missing is an error. The
    filters `count`, `number_of`, `measure`, `percent`, `picture`,
    `web_address` and `whole_flags` are always there.

    Args:
        package: Dotted name of the package that has a folder `templates`.
        filters: Further filters by name.

    Returns:
        The environment; whoever renders more than once keeps it, with the
        templates that it has compiled.
    """
    import jinja2

    loaders = [jinja2.PackageLoader(name) for name in (package, "pages")]
    result = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result.filters.update(
        count=_count,
        number_of=_number_of,
        measure=_measure,
        percent=_percent,
        picture=_picture,
        web_address=_web_address,
        whole_flags=_whole_flags,
        **filters,
    )
    return result


def _whole_flags(text: str) -> object:
    """Marks `--flag=value` as code, which a line does not end within."""
    import jinja2

    markup = jinja2.utils.markupsafe
    return markup.Markup(
        _FLAG.sub(r'<code class="flag">\g<0></code>', str(markup.escape(text)))
    )


def _count(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def _number_of(value: int | None, noun: str) -> str:
    return f"{_count(value)} {noun}{'' if value == 1 else 's'}"


def _measure(value: float | None) -> str:
    """Three significant digits, but no fewer than all before the point."""
    if value is None:
        return "–"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _percent(share: float) -> str:
    if 0 < share < 0.001:
        return "< 0.1 %"
    return f"{100 * share:.1f} %"


def _picture(url: object) -> object:
    """Lets embedded pictures pass, and nothing that could load another file."""
    return url if data_urls.is_pixels(url) else None


def _web_address(text: object) -> object:
    """Lets http and https pass: `javascript:` is an address, too."""
    if isinstance(text, str) and _WEB_ADDRESS.fullmatch(text):
        return text
    return None
