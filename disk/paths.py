"""Which paths are of this machine, and which are addresses of a store."""

from __future__ import annotations

import os
import re

# Begins with a scheme such as `gs://`. One letter is a drive: `C://films`.
_REMOTE = re.compile("[A-Za-z][A-Za-z0-9+.-]+://")


def is_local(path: str | os.PathLike[str]) -> bool:
    """Whether the operating system opens a path, not the library of a store."""
    return _REMOTE.match(os.fspath(path)) is None
