"""Columns hold what objects hold, and duplicates are found in them."""

import hashlib

import numpy as np
import pytest

from xray_tfds.curate import duplicates
from xray_tfds.curate import equal_rows
from xray_tfds.curate import examine
from xray_tfds.curate import facts as facts_lib
from xray_tfds.curate import findings
from xray_tfds.source import files as files_lib
from xray_tfds.source import patients
from xray_tfds.source import source_files

_LABELS = ("normal", "pneumonia")
_BAD = {"reason": "truncated", "detail": "the JPEG ends early (OSError)"}


def _examined(number, film, *, split=None, **fields):
    label = _LABELS[number % 2]
    name = f"{label}/f\u00e4lm \udc80 {number}.png"
    size = duplicates.SIGNATURE_SIZE
    noise = np.random.default_rng(film).integers(0, 256, size, np.uint8)
    is_bad = "reason" in fields
    return examine.ExaminedFile(
        file=source_files.SourceFile(
            name,
            name,
            label,
            split,
            digest=hashlib.sha256(f"{film}".encode()).hexdigest(),
            stamp=files_lib.Stamp(number, 2, 3) if number % 3 else None,
        ),
        patient=patients.Patient(f"p{number // 2 % 25}", "names"),
        num_bytes=number + 2**40,
        format="" if is_bad else "PNG",
        mean=0.1 * number,
        signature=b"" if is_bad else noise.tobytes(),
        record_digest="" if is_bad else "5a" * examine.RECORD_DIGEST_SIZE,
        **fields,
    )


def _many(split=None):
    """Films of which some are bad, and some copies of others."""
    examined = [_examined(i, i, split=split) for i in range(60)]
    examined += [_examined(60 + i, 3 * i, split=split) for i in range(6)]
    examined.append(_examined(66, 66, split=split, **_BAD))
    examined.append(_examined(67, 67, split=split, pixel_digest="7" * 64))
    examined.append(_examined(68, 68, split=split, pixel_digest="7" * 64))
    return examined


def test_columns_give_back_what_they_were_made_of():
    examined = _many()
    columns = findings.Findings.of(examined)
    assert len(columns) == len(examined) and list(columns) == examined
    assert columns[-1] == examined[-1] and columns[2:4] == examined[2:4]
    assert findings.Findings.of(columns) is columns
    assert findings.check(columns.columns) == len(examined)
    with pytest.raises(IndexError):
        columns[len(examined)]


@pytest.mark.parametrize("with_bad", [False, True])
def test_clusters_of_columns_are_those_of_the_files(with_bad):
    examined = [each for each in _many() if with_bad or not each.reason]
    facts = facts_lib.Facts(findings.Findings.of(examined))
    good = [i for i, each in enumerate(examined) if not each.reason]
    files = [examined[i] for i in good]
    expected = duplicates.find_clusters(
        [each.file.digest for each in files],
        [each.pixel_digest or each.file.digest for each in files],
        [each.signature for each in files],
    )
    found = [
        (cluster.kind, [good.index(member) for member in cluster.members])
        for cluster in facts.find_clusters(good)
    ]
    assert len(found) > 5 and len(files) < len(_many())
    assert found == [(each.kind, list(each.members)) for each in expected]


@pytest.mark.parametrize(
    "name, change",
    [
        ("mean", lambda column: column[:-1]),
        ("width", lambda column: column.astype(np.int64)),
        ("signature", lambda column: column[:, 1:]),
        ("rule_ends", lambda column: column[::-1]),
        ("patient_characters", lambda column: column[:-1]),
    ],
)
def test_columns_that_are_no_findings_are_refused(name, change):
    columns = dict(findings.to_columns(_many()))
    columns[name] = change(columns[name])
    with pytest.raises(ValueError, match=name.split("_")[0]):
        findings.check(columns)


def test_equal_rows_are_those_of_equal_keys():
    generator = np.random.default_rng(0)
    rows = generator.integers(0, 2, (200, 8), np.uint8)
    expected = equal_rows.first_equal([row.tobytes() for row in rows])
    np.testing.assert_array_equal(equal_rows.first_equal(rows), expected)
    hashes = equal_rows.hash_rows(rows, np.arange(200))
    np.testing.assert_array_equal(equal_rows.first_equal(hashes), expected)
    assert len(equal_rows.first_equal(rows[:0])) == 0
