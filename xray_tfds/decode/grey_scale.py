"""Grey values of up to 16 bits -> 8 bits.

A range of values is mapped to 8 bits as round(255 (v - low) / (high - low)).
Which range that is must not depend on the darkest and the brightest pixel of a
film, or films could not be compared; and it must not be that of the header
alone, or a film of 12 bits in a file that declares 16 is left with 17 grey
levels. So it is that of the fewest bits out of 8, 10, 12, 14 and 16, as
detectors have them, that hold all values of the film (of the LUT, where one is
applied last), and never more than the file declares. Where it is less, the
result says so.
"""

from __future__ import annotations

import numbers
from typing import Any
from typing import NamedTuple

import numpy as np

from xray_tfds.decode import errors

_BITS = (8, 10, 12, 14, 16)

# Bytes of a LUT of 65,536 entries of 16 bits: PS3.3, C.11.1.1.1.
_MAX_LUT = 2**17


class Grey(NamedTuple):
    """Grey values and the range that is mapped to 8 bits.

    Attributes:
        values: `[height, width]`, integer or float.
        low: What becomes 0.
        high: What becomes 255; it may be below `low`.
        part: Which part of the declared range this is, such as "0 to 4095 of
            0 to 65535"; empty where it is all of it.
    """

    values: np.ndarray
    low: float
    high: float
    part: str = ""

    def to_8_bits(self) -> np.ndarray:
        """Returns the values mapped to 8 bits, uint8 `[height, width]`."""
        extremes = [self.low, self.high, self.values.min(), self.values.max()]
        if not np.all(np.isfinite(extremes)):
            raise errors.BadFile("unreadable", "its grey scale is not finite")
        if self.low == self.high:
            raise errors.BadFile("constant", "its rescale slope is 0")
        if not np.issubdtype(self.values.dtype, np.integer):
            return self._map(self.values)
        # A table, in an eighth of the memory of a film in float64.
        lowest = int(self.values.min())
        table = self._map(np.arange(lowest, int(self.values.max()) + 1))
        return table[np.subtract(self.values, lowest, dtype=np.int32)]

    def _map(self, values):
        above = values - np.float64(self.low)
        scaled = np.rint(255 * above / (self.high - self.low))
        return np.clip(scaled, 0, 255).astype(np.uint8)


def use_fewest_bits(
    values: np.ndarray, low: int, high: int, *, of: np.ndarray | None = None
) -> Grey:
    """Finds the range of a film's values.

    Args:
        values: int `[height, width]`.
        low: Lowest value that the file declares.
        high: Highest value that the file declares.
        of: The values that the range must hold, of any shape, by default those
            of the film.

    Returns:
        The values, and the part of the declared range.
    """
    held = values if of is None else of
    lowest, highest = int(held.min()), int(held.max())
    for bits in _BITS:
        first, last = (
            (0, 2**bits - 1)
            if lowest >= 0
            else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        if first <= lowest and highest <= last:
            first, last = max(first, low), min(last, high)
            if (first, last) == (low, high):
                break
            part = f"{first} to {last} of {low} to {high}"
            return Grey(values, first, last, part)
    return Grey(values, low, high)


def of_16_bits(values: np.ndarray) -> Grey:
    """Finds the range of the values of a file of 16 bits that is no DICOM.

    Raises:
        BadFile: If values do not have 16 bits.
    """
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest > 65535:
        raise errors.BadFile(
            "unsupported",
            f"grey values from {lowest} to {highest}; expected 0 to 65535",
        )
    return use_fewest_bits(values, 0, 65535)


def of_dicom(pixels: np.ndarray, ds: Any) -> Grey:
    """Applies the grey scale of a DICOM file, as `dicom.decode` describes it.

    Args:
        pixels: The stored values, `[rows, columns]`.
        ds: `pydicom.Dataset` of the file.

    Raises:
        BadFile: If the grey scale contradicts itself.
    """
    if ds.get("VOILUTSequence"):
        grey = _apply_modality(pixels, ds)
        return _look_up(grey.values, ds.VOILUTSequence[0], ds)
    center, width = ds.get("WindowCenter"), ds.get("WindowWidth")
    if (center is None) != (width is None):
        known, missing = (
            ("width", "center")
            if center is None
            else (
                "center",
                "width",
            )
        )
        raise errors.BadFile(
            "unreadable", f"its window has a {known} and no {missing}"
        )
    if center is None:
        grey = _apply_modality(pixels, ds)
        # Without a window the lower value is dark, whatever the slope.
        low, high = sorted((grey.low, grey.high))
        return grey._replace(low=low, high=high)
    return _apply_window(_apply_modality(pixels, ds, keep_range=True), ds)


def _apply_modality(pixels, ds, *, keep_range=False):
    """Returns values and the range that is used, or the declared one."""
    if ds.get("ModalityLUTSequence"):
        item = ds.ModalityLUTSequence[0]
        return _look_up(pixels, item, ds, keep_range=keep_range)
    half = 2 ** (ds.BitsStored - 1)
    low, high = (
        (-half, half - 1) if ds.PixelRepresentation else (0, 2 * half - 1)
    )
    grey = (
        Grey(pixels, low, high)
        if keep_range
        else use_fewest_bits(pixels, low, high, of=_without_padding(pixels, ds))
    )
    slope, intercept = ds.get("RescaleSlope"), ds.get("RescaleIntercept")
    if slope is None and intercept is None:
        return grey
    # They come together (PS3.3, C.11.1.1). Where one is missing there is little
    # doubt what it is; pydicom, which applies the window, must know it, too.
    slope = 1.0 if slope is None else float(slope)
    intercept = 0.0 if intercept is None else float(intercept)
    ds.RescaleSlope, ds.RescaleIntercept = slope, intercept
    return grey._replace(
        values=grey.values * slope + intercept,
        low=grey.low * slope + intercept,
        high=grey.high * slope + intercept,
    )


def _without_padding(pixels, ds):
    """Returns the stored values that are no padding; all if none is left.

    Padding fills up the format, often with the highest value that it has
    (PS3.3, C.7.5.1.1.2), and says nothing about the bits of the detector. An
    element that is no number does not say what is padding: a film is read
    without it.
    """
    value = ds.get("PixelPaddingValue")
    if not isinstance(value, numbers.Real):
        return pixels
    limit = ds.get("PixelPaddingRangeLimit")
    low, high = sorted(
        (value, limit if isinstance(limit, numbers.Real) else value)
    )
    kept = pixels[(pixels < low) | (pixels > high)]
    return kept if kept.size else pixels


def _apply_window(grey, ds):
    """Applies the first window, by pydicom.

    A negative slope gives low > high. pydicom's window runs from what became
    of the lowest stored value, so `low` stays its dark end.
    """
    import pydicom.pixels

    if not ds.get("VOILUTFunction"):
        ds.VOILUTFunction = "LINEAR"  # The default: PS3.3, C.11.2.1.3.
    width = ds.WindowWidth
    width = float(width if ds["WindowWidth"].VM == 1 else width[0])
    least = 1 if ds.VOILUTFunction.upper() == "LINEAR" else 0
    # PS3.3, C.11.2.1.2.1 and C.11.2.1.3; a NaN is refused, too.
    if not (width >= 1 if least else width > 0):
        raise errors.BadFile(
            "unreadable",
            f"its window has the width {width:g}, which must be"
            + (" 1 or more" if least else " above 0"),
        )
    values = pydicom.pixels.apply_windowing(grey.values, ds)
    return grey._replace(values=values)


def _look_up(values, item, ds, *, keep_range=False):
    """Applies a modality or VOI LUT (PS3.3, C.11.1.1.1 and C.11.2.1.1).

    pydicom 3.0.2 computes the index in the type of the entries, which goes
    wrong for more than 256 entries of 8 bits, as many detectors write them.
    """
    for name in ("LUTDescriptor", "LUTData"):
        # Not parsed yet; pydicom makes an object of each entry.
        if getattr(item.get_item(name), "length", 0) > _MAX_LUT:
            raise errors.BadFile("unreadable", f"its {name} is too long")
    num_entries, first, bits = (int(value) for value in item.LUTDescriptor)
    num_entries = num_entries or 2**16
    entries = item.LUTData
    if isinstance(entries, bytes):
        packed = bits == 8 and len(entries) < 2 * num_entries
        order = "<" if ds.file_meta.TransferSyntaxUID.is_little_endian else ">"
        entries = np.frombuffer(entries, "u1" if packed else f"{order}u2")
    table = np.asarray(entries, np.int64)[:num_entries]
    if len(table) < num_entries or not 8 <= bits <= 16:
        raise errors.BadFile("unreadable", "a LUT and its descriptor differ")
    index = np.clip(values - np.float64(first), 0, num_entries - 1)
    values = table[index.astype(np.int64)]
    if keep_range:
        return Grey(values, 0, 2**bits - 1)
    return use_fewest_bits(values, 0, 2**bits - 1, of=table)
