"""Damaged image files, and whether they are judged as they must be."""

import dataclasses
import io
import time
import warnings

from PIL import Image
import damage
import good_files
import numpy as np
import pydicom

from xray_tfds.decode import images
from xray_tfds.decode import quality


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A file and what must become of it.

    Attributes:
        mutation: What was done to it.
        format: Of the good file.
        data: Content, bytes.
        good: Content of the good file, bytes.
        expected: `damage.SAME`, `damage.REFUSED` or `damage.ORACLE`.
    """

    mutation: str
    format: str
    data: bytes
    good: bytes
    expected: str


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        outcome: `decoded`, one of `quality.REASONS`, or `crash: ` and why.
        fault: Empty; `lost` if a good file was refused, `changed` if its pixels
            were, `missed` if a bad one was decoded, `crash`.
        seconds: Of the decoding.
    """

    outcome: str
    fault: str
    seconds: float


def judge(mutant):
    """Decodes a mutant and compares what comes out to what must.

    Args:
        mutant: A `Mutant`.

    Returns:
        A `Verdict`.
    """
    start = time.perf_counter()
    image = None
    try:
        image = quality.decode(mutant.data).image
        outcome = "decoded"
    except quality.BadFile as error:
        outcome = error.reason
    except Exception as error:  # The very thing that must not happen.
        return Verdict(f"crash: {error!r}", "crash", 0.0)
    seconds = time.perf_counter() - start
    fault = ""
    if mutant.expected == damage.SAME:
        if image is None:
            fault = "lost"
        elif image.tobytes() != _good_image(mutant).tobytes():
            fault = "changed"
    elif image is not None:
        if mutant.expected == damage.REFUSED or oracle_refuses(mutant.data):
            fault = "missed"
    return Verdict(outcome, fault, seconds)


def _good_image(mutant):
    """Returns what PIL makes of the good file, if it has 8 bits."""
    if mutant.format.startswith("DICOM") or mutant.format.endswith("bits"):
        return quality.decode(mutant.good).image
    return Image.open(io.BytesIO(mutant.good))


def make(number, seed):
    """Yields `number` mutants: all mutations of all formats, again and again.

    Args:
        number: How many.
        seed: Int; equal seeds give equal files.
    """
    pairs = [
        (mutation, name)
        for mutation in damage.MUTATIONS
        for name in good_files.FORMATS
        if name.startswith(damage.ONLY.get(mutation, ""))
        and not (
            mutation in damage.NOT and name.startswith(damage.NOT[mutation])
        )
    ]
    # In an order that shows every mutation and format early.
    order = np.random.default_rng(seed).permutation(len(pairs))
    for index in range(number):
        mutation, name = pairs[order[index % len(pairs)]]
        rng = np.random.default_rng([seed, index])
        good = good_files.FORMATS[name](good_files.film(rng), rng)
        change, expected = damage.MUTATIONS[mutation]
        data = change(good, name, rng)
        if expected == damage.ORACLE and images.sniff_format(data) == "PNG":
            expected = damage.REFUSED  # Every byte stands under a checksum.
        if name.startswith(damage.SURE.get(mutation, ())):
            expected = damage.REFUSED
        yield Mutant(mutation, name, data, good, expected)


def oracle_refuses(data):
    """Returns whether PIL, or pydicom, cannot decode the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            if data[128:132] == b"DICM":
                _ = pydicom.dcmread(io.BytesIO(data)).pixel_array
            else:
                Image.open(io.BytesIO(data)).load()
    except Exception:  # Whatever it is, it is a refusal.
        return True
    return False
