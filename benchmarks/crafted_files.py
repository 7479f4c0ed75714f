"""What crafted files cost: seconds and memory of each, decoded or refused.

    python benchmarks/crafted_files.py [--only=NAME]

Each file is small for what it can make a decoder do: unpack to gigabytes, walk
millions of parts, pass a thousand times over its pixels. It is decoded in a
process of its own. Prints a table, and exits with 1 if a file took more than
2 seconds of a core or 600 MB. Needs the extra `dicom`.
"""

import argparse
import multiprocessing
import os
import resource
import sys
import time
import warnings
import zlib

sys.path.insert(0, os.getcwd())

from benchmarks import crafted_dicom as dicom  # noqa: E402
from benchmarks import crafted_images as images  # noqa: E402

MAX_SECONDS = 2.0
MAX_MEGABYTES = 600

MILLION = 1_000_000

# Name -> function that makes the file.
BOMBS = {
    "deflated DICOM": lambda: dicom.deflated(2),
    "deflated DICOM, long first element": lambda: dicom.deflated(100_000),
    "DICOM RLE of long runs": lambda: dicom.rle(b"\x81\0" * 10 * MILLION),
    "DICOM RLE of no runs": lambda: dicom.rle(b"\x80" * 20 * MILLION),
    "DICOM of a million items": lambda: dicom.dicom(
        before=dicom.sequence(dicom.EMPTY_ITEM * MILLION)
    ),
    "DICOM of a million nested items": lambda: dicom.dicom(
        before=(dicom.OPEN_SEQUENCE + dicom.OPEN_ITEM) * MILLION
    ),
    "DICOM of a million elements": lambda: dicom.dicom(
        before=dicom.element(0x00290010, b"CS", b"") * MILLION
    ),
    "DICOM of a million LUTs": lambda: dicom.dicom(
        before=dicom.sequence(dicom.EMPTY_ITEM * MILLION, 0x00283010, True)
    ),
    "DICOM of a million fragments": lambda: dicom.dicom(
        syntax=b"1.2.840.10008.1.2.4.50",
        pixels=dicom.encapsulated([b""] * MILLION),
    ),
    "DICOM of a million windows": lambda: dicom.implicit(
        0x00281050, b"5\\" * 10 * MILLION
    ),
    "DICOM of a million character sets": lambda: dicom.implicit(
        0x00080005, b"5\\" * 10 * MILLION
    ),
    "DICOM JPEG 2000 of 64 million tiles": dicom.jpeg_2000_of_many_tiles,
    "DICOM JPEG 2000 of 300 samples a pixel": lambda: (
        dicom.jpeg_2000_of_components(300, 2000)
    ),
    "DICOM RLE of the same segment again": lambda: dicom.rle_of_passes(15),
    "DICOM of a LUT of many elements": dicom.lut_of_elements,
    "PPM, comment of 100 MB": lambda: b"P5\n#"
    + b"x" * 100 * MILLION
    + b"\n64 64 255\n"
    + bytes(range(64)) * 64,
    "TIFF of a million strips": images.tiff_of_strips,
    "TIFF of half a million directories": images.tiff_of_directories,
    "JPEG of 1,000 scans": lambda: images.jpeg_of_scans(1000),
    "JPEG of a million segments": images.jpeg_of_segments,
    "JPEG, EXIF of a million fractions": images.jpeg_of_fractions,
    "JPEG of 4 million Photoshop blocks": images.jpeg_of_photoshop_blocks,
    "TIFF, JPEG of 1,000 scans": images.tiff_of_scans,
    "PNG of a million chunks": lambda: images.png_of_chunks(
        b"teSt", b"", MILLION
    ),
    "PNG, text that unpacks to 200 MB": lambda: images.png_of_chunks(
        b"zTXt", b"k\0\0" + zlib.compress(bytes(200 * MILLION), 1), 1
    ),
    "PNG, profile that unpacks to 200 MB": lambda: images.png_of_chunks(
        b"iCCP", b"k\0\0" + zlib.compress(bytes(200 * MILLION), 1), 1
    ),
    "BMP RLE of 10 million line ends": lambda: images.bmp_of_runs(
        b"\0\0" * 10 * MILLION, 64, 64
    ),
}


def judge(data):
    """Returns what became of a file, and the seconds of a core it took."""
    from xray_tfds.decode import quality

    warnings.simplefilter("ignore")
    start = time.process_time()
    try:
        quality.decode(data)
        outcome = "decoded"
    except quality.BadFile as error:
        outcome = str(error)
    return outcome, time.process_time() - start


def _peak():
    """Returns the most memory that this process ever had, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _measure(data, connection):
    judge(images.saved("PNG"))
    judge(dicom.dicom())  # Imports pydicom.
    before = _peak()
    outcome, seconds = judge(data)
    connection.send((outcome, seconds, _peak() - before))


def measure(name):
    """Returns outcome, seconds and megabytes of a file, by another process."""
    data = BOMBS[name]()
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measure, args=(data, theirs))
    process.start()
    theirs.close()
    try:
        return ours.recv()
    except EOFError:
        return "crash: the process died", 0.0, 0.0
    finally:
        process.join()


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--only", metavar="NAME", choices=BOMBS)
    only = parser.parse_args().only
    is_over = False
    print("| file | seconds | MB | outcome |\n|---|---|---|---|")
    for name in [only] if only else BOMBS:
        outcome, seconds, megabytes = measure(name)
        is_over |= seconds > MAX_SECONDS or megabytes > MAX_MEGABYTES
        print(
            f"| {name} | {seconds:.2f} | {megabytes:,.0f} | {outcome[:70]} |",
            flush=True,
        )
    return int(is_over)


if __name__ == "__main__":
    sys.exit(main())
