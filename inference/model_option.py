"""What --model names: weights of a run, or an export that needs no run."""

from __future__ import annotations

import os
from typing import Any
from typing import TYPE_CHECKING

from training import quiet_import

if TYPE_CHECKING:
    from inference import predictor as predictor_lib

HELP = (
    "Weights after the best epoch, or after the last (best, last); or, "
    "instead of a run, what export.py has written (its directory)."
)

DATA_DIR_HELP = (
    "Where the run's records are now, if they were moved: from them is learned "
    "once what films look like."
)

_WEIGHTS = ("best", "last")


def check(name: str, value: Any) -> str:
    """Returns the value of the option; see `pipeline.options`."""
    if value in _WEIGHTS:
        return str(value)
    path = os.path.expanduser(str(value))
    if not os.path.exists(path):
        raise ValueError(
            f"`{name}` must be best, last, or what export.py has written. "
            f"Received: {name}={value}"
        )
    return path


def is_export(model: str) -> bool:
    """Whether it is an export, and not weights of a run."""
    return model not in _WEIGHTS


def check_run(model: str, workdir: str | None, data_dir: str | None) -> None:
    """Raises ValueError where a run is named beside an export."""
    for name, value in (("workdir", workdir), ("data_dir", data_dir)):
        if is_export(model) and value is not None:
            raise ValueError(
                f"An export is used without its run. Leave out either --{name} "
                f"or --model. Received: {name}={value}, model={model}"
            )


def open_predictor(
    model: str, workdir: str | None = None, data_dir: str | None = None
) -> predictor_lib.Predictor:
    """Opens what is named; TensorFlow is loaded only where that needs it.

    Args:
        model: As `check` returns it.
        workdir: Directory of a run; None for the one that was trained last, or
            with an export.
        data_dir: Where its records are, if they were moved.

    Raises:
        ValueError: If it cannot be opened.
    """
    if is_export(model):
        from inference.exports import loading

        return loading.open_export(model)
    quiet_import.import_tensorflow()
    from inference import predictor
    from inference import run_files

    weights: Any = model
    return predictor.open_predictor(
        workdir or run_files.find_newest(),
        weights=weights,
        data_dir=data_dir,
    )
