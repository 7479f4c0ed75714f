"""Libraries that only some formats need, and the extras that bring them."""

from __future__ import annotations

from collections.abc import Sequence
import importlib.util

# Format -> what runs it, and what else writes it; the extra has its name.
_RUNTIMES = {"onnx": ("onnxruntime",), "litert": ("ai_edge_litert",)}
_WRITERS = {"onnx": ("tf2onnx", "onnx")}


def check_runtime(format_name: str) -> None:
    """Raises ValueError where what runs a format is not installed."""
    _check(format_name, _RUNTIMES.get(format_name, ()))


def check_writer(format_name: str) -> None:
    """Raises ValueError where what writes and tries a format is missing."""
    _check(format_name, _WRITERS.get(format_name, ()))
    check_runtime(format_name)


def _check(format_name: str, modules: Sequence[str]) -> None:
    for module in modules:
        if importlib.util.find_spec(module) is None:
            raise ValueError(
                f"The format {format_name} needs the library {module}, which "
                "is not installed: pip install "
                f"'xray-tfds[{format_name}]'"
            )
