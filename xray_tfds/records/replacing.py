"""Old records stay until those that replace them are complete."""

from collections.abc import Iterator
import contextlib

from etils import epath


def _aside(path: epath.Path) -> epath.Path:
    """Returns where old records wait: no version, as TFDS looks for them."""
    return path.parent / f"replaced.{path.name}"


def restore(path: epath.Path) -> bool:
    """Puts old records back whose replacement never came to its end.

    Returns:
        Whether there were any.
    """
    if not _aside(path).exists():
        return False
    if path.exists():
        _aside(path).rmtree()  # Their replacement is complete.
        return False
    _aside(path).rename(path)
    return True


@contextlib.contextmanager
def set_aside(path: epath.Path) -> Iterator[None]:
    """Keeps records that are replaced until the new ones are complete."""
    if path.exists():
        path.rename(_aside(path))
    try:
        yield
    finally:
        restore(path)
