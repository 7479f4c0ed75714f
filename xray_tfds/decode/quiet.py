"""Keeps to itself what libraries say while they read a file.

pydicom's warnings quote values, and PIL logs every tag of a TIFF: a patient's
name in the wrong place would be on the screen, or in a log that is kept.
"""

from __future__ import annotations

import logging
import threading
import warnings

# Libraries that read files or parts of them. Their modules warn by these names.
_LIBRARIES = "(PIL|pydicom|pylibjpeg|openjpeg|libjpeg|rle|gdcm|jpeg_ls)"
_MODULES = rf"{_LIBRARIES}(\.|$)"

# A filter of a logger does not see what its children log.
_LOGGERS = tuple(
    logging.getLogger(name)
    for name in (
        *("PIL.Image", "PIL.ImageFile", "PIL.PngImagePlugin"),
        *("PIL.TiffImagePlugin", "pydicom", "pydicom.pixels.utils"),
        *("pydicom.pixels.decoders.base", "openjpeg.utils", "pylibjpeg.utils"),
    )
)

_lock = threading.Lock()


def silence() -> None:
    """Drops all warnings and log records of the libraries, from now on.

    For good and in all threads: up to Python 3.13 the filters of warnings
    belong to the process, and what one thread puts back another loses. Called
    before each file is read, for `warnings.catch_warnings` undoes it.
    """
    first = warnings.filters[0] if warnings.filters else None
    if first is None or getattr(first[3], "pattern", "") != _MODULES:
        with _lock:
            warnings.filterwarnings("ignore", module=_MODULES)
    for logger in _LOGGERS:
        logger.addFilter(_drop)  # Which has each filter once.


def _drop(record: logging.LogRecord) -> bool:
    del record
    return False
