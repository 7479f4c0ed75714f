"""Matplotlib, whatever the environment says of windows to draw in.

Imported by what draws, when it draws: it takes a second.
"""

from __future__ import annotations

import contextlib
import os
import sys

_VARIABLE = "MPLBACKEND"

# A backend that this Matplotlib does not know would end its import, from which
# it does not recover. So it is told of it afterwards, in the same way.
_backend = None
if "matplotlib" not in sys.modules:
    _backend = os.environ.pop(_VARIABLE, None)
try:
    import matplotlib
finally:
    if _backend is not None:
        os.environ[_VARIABLE] = _backend
if _backend:
    with contextlib.suppress(ValueError):
        matplotlib.rcParams["backend"] = _backend

from matplotlib import figure  # noqa: E402
from matplotlib.backends import backend_svg  # noqa: E402

# The backend too: the first picture would import it.
__all__ = ["backend_svg", "figure", "matplotlib"]
