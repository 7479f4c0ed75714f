"""What a build has found out about its files, kept beside its records.

`build_report/findings.npz` has the columns of `curate.findings` for every file
of the source that could be read. The next build of the folder takes from there
what it would otherwise have to decode.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import pathlib
from typing import Any
from typing import TYPE_CHECKING

from PIL import features
from etils import epath
import numpy as np

from disk import columns as columns_lib
from xray_tfds import version
from xray_tfds.curate import examine as examine_lib
from xray_tfds.curate import findings as findings_lib
from xray_tfds.source import hash_key as hash_key_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

if TYPE_CHECKING:
    from xray_tfds import config as config_lib

FILE = "findings.npz"

# To be raised when the columns change.
_FORMAT = 1

# Distributions that decode, where they are installed, and the libraries within
# Pillow. Not zlib, all versions of which inflate alike: which of them a process
# has depends on what it has imported first.
_DECODERS = (
    *("numpy", "pillow", "pydicom", "pylibjpeg", "pylibjpeg-libjpeg"),
    *("pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "python-gdcm"),
)
_CODECS = ("jpg", "jpg_2000", "libtiff")


def write(
    folder: epath.Path,
    examined: findings_lib.Findings,
    config: config_lib.XrayConfig,
    hash_key: str,
) -> None:
    """Writes what is known of files.

    Args:
        folder: Where to write.
        examined: All files; those that could not be read are left out.
        config: How they became records.
        hash_key: Fingerprint of the key of pseudonyms; empty if none was used.
    """
    is_read = np.any(examined.columns["digest"], axis=1)
    columns = findings_lib.take(examined.columns, is_read)
    # When a file was written is for the index of digests to know.
    columns["stamp"] = np.full_like(columns["stamp"], -1)
    header = {**identity(config), "hash_key": hash_key}
    (folder / FILE).write_bytes(columns_lib.pack(header, columns))


def read(
    path: epath.Path, config: config_lib.XrayConfig
) -> tuple[findings_lib.Columns, str] | None:
    """Returns the columns of a file, and the fingerprint of the hash key.

    Says so where there is one that cannot be used, and returns `None`.

    Args:
        path: Of the file.
        config: The options that the findings must have been made with.
    """
    if not path.exists():
        return None
    try:
        header, columns = columns_lib.unpack(path.read_bytes())
        hash_key = str(header.pop("hash_key"))
        if header == identity(config):
            findings_lib.check(columns)
            return columns, hash_key
        why = "was made by other versions or options"
    except columns_lib.DAMAGE:
        why = "is damaged"
    print(f"{path} {why}: all files are decoded anew.")
    return None


def identity(config: config_lib.XrayConfig) -> dict[str, Any]:
    """Returns what findings depend on besides the content of the files.

    That is not the table: whose a file is, `Known` asks anew.
    """
    options = config.options()
    del options["patients_csv"]
    return {
        "format": _FORMAT,
        "options": options,
        "versions": _versions(),
    }


@functools.cache
def _versions() -> dict[str, str]:
    """Returns the versions of all that decodes, our own code included."""
    versions = {"xray_tfds": version.__version__, "code": _digest_of_code()}
    for name in _DECODERS:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = ""
    for name in _CODECS:
        versions[f"pillow {name}"] = str(features.version(name))
    return versions


def _digest_of_code() -> str:
    """Returns a digest of the modules that make findings of bytes."""
    package = pathlib.Path(__file__).parents[1]
    paths = [*package.glob("decode/*.py"), *package.glob("curate/*.py")]
    digest = hashlib.sha256()
    for path in sorted([*paths, package / "source" / "patients.py"]):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class Known:
    """The findings of earlier records, by the content of the files."""

    def __init__(self, columns: findings_lib.Columns) -> None:
        """Takes the columns of a file."""
        digests = columns["digest"]
        self._findings = findings_lib.Findings((), columns)
        self._rows = {d.tobytes().hex(): i for i, d in enumerate(digests)}

    def __len__(self) -> int:
        return len(self._rows)

    def record_digests(self) -> set[str]:
        """Returns the digests of the PNGs of good files."""
        rows = range(len(self._findings.columns["digest"]))
        digests = {self._findings.digest("record_digest", i) for i in rows}
        return digests - {""}

    def find(
        self,
        file: source_files.SourceFile,
        config: config_lib.XrayConfig,
        hash_key: hash_key_lib.HashKey,
    ) -> examine_lib.ExaminedFile | None:
        """Returns what decoding a file would find out, `None` if unknown.

        Args:
            file: With its digest.
            config: Says, by its pattern, whose it is.
            hash_key: For what a table says; the key of the earlier records, if
                these needed one.
        """
        row = self._rows.get(file.digest)
        if row is None:
            return None
        facts = self._findings.facts(row)
        del facts["digest"]
        key, rule = facts.pop("patient"), facts.pop("rule")
        pattern = patients.compile_pattern(config.patient_pattern)
        patient = patients.find_patient(
            file, pattern=pattern, hash_key=hash_key
        )
        if facts["format"] == "DICOM" and patient.rule not in _ABOVE_DICOM:
            if rule in _ABOVE_DICOM:
                return None  # Its header was not asked then, and is now.
            if rule == patients.DICOM_RULE:
                patient = patients.Patient(key, rule)
        return examine_lib.ExaminedFile(file=file, patient=patient, **facts)


# Rules before that of the DICOM header.
_ABOVE_DICOM = (patients.TABLE_RULE, patients.PATTERN_RULE)
