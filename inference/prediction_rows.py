"""What is written of each input: a row of a table, or a line of JSON.

path,decision,p(normal),p(pneumonia),calibrated(normal),...,flags,error
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
import csv
import dataclasses
import io
import json

from disk import cells
from inference import predict_config
from inference import predictor as predictor_lib


@dataclasses.dataclass(frozen=True)
class Row:
    """An input, and what became of it.

    Attributes:
        path: As `inputs.Input.path`.
        prediction: None if it could not be scored.
        flags: Some of `input_check.FLAGS`.
        error: Why it could not be scored; empty if it was.
        overlay: File with the picture of what speaks for the decision; empty
            if none was asked for.
    """

    path: str
    prediction: predictor_lib.Prediction | None = None
    flags: tuple[str, ...] = ()
    error: str = ""
    overlay: str = ""


class Writer:
    """Turns rows into bytes, each with the names of the classes."""

    def __init__(
        self,
        output_format: predict_config.Format,
        class_names: Sequence[str],
        *,
        with_overlay: bool,
    ) -> None:
        """Takes what is the same in all rows.

        Args:
            output_format: Of the rows.
            class_names: In the order of the probabilities.
            with_overlay: Whether rows name their overlay.
        """
        self._is_csv = output_format == "csv"
        self._class_names = tuple(class_names)
        self._with_overlay = with_overlay

    def header(self) -> bytes:
        """Returns what stands before all rows."""
        names = self._class_names
        return (
            b""
            if not self._is_csv
            else self._to_csv(
                [
                    *("path", "decision"),
                    *(f"p({name})" for name in names),
                    *(f"calibrated({name})" for name in names),
                    *("flags", "error"),
                    *(["overlay"] if self._with_overlay else []),
                ]
            )
        )

    def write(self, row: Row) -> bytes:
        """Returns a row, a line but for line breaks in names of files."""
        return self._write_csv(row) if self._is_csv else self._write_json(row)

    def _write_csv(self, row: Row) -> bytes:
        found = row.prediction
        decision, numbers = "", [""] * (2 * len(self._class_names))
        if found is not None:
            decision = self._class_names[found.decision]
            # In as many digits as tell them apart.
            numbers = [
                repr(float(x))
                for x in (*found.probabilities, *found.calibrated)
            ]
        texts = [";".join(row.flags), row.error]
        texts += [row.overlay] if self._with_overlay else []
        return self._to_csv(
            [
                *map(cells.to_cell, (row.path, decision)),
                *numbers,
                *map(cells.to_cell, texts),
            ]
        )

    def _write_json(self, row: Row) -> bytes:
        found = row.prediction
        values = {
            "path": row.path,
            "decision": found and self._class_names[found.decision],
            "probabilities": found and self._by_class(found.probabilities),
            "calibrated": found and self._by_class(found.calibrated),
            "flags": list(row.flags),
            "error": row.error or None,
        }
        if self._with_overlay:
            values["overlay"] = row.overlay or None
        # ASCII: what of a name is no text is escaped, and `os.fsencode` of the
        # text that is read again are the bytes of the name.
        return json.dumps(values, allow_nan=False).encode() + b"\n"

    def _by_class(self, numbers: Iterable[float]) -> dict[str, float]:
        return dict(zip(self._class_names, map(float, numbers)))

    def _to_csv(self, texts: Sequence[str]) -> bytes:
        buffer = io.StringIO(newline="")
        # With both characters in the end of a line, both are quoted in a name.
        csv.writer(buffer, lineterminator="\r\n").writerow(texts)
        line = buffer.getvalue().removesuffix("\r\n") + "\n"
        return line.encode("utf-8", "surrogateescape")
