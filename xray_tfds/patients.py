"""File name -> patient key, so that no patient is in two splits.

The rules know the names of the public data set (Kermany et al. 2018, Mendeley
Data, doi:10.17632/rscbjbr9sj). Its version 2 numbers the patients of each kind
separately: `person1_virus_6.jpeg` and `person1_bacteria_1.jpeg` are two people.
"""

import pathlib
import re

# Matched with whole stems; the group is the key, kind and number together.
_RULES = (
    # Version 2: person<N>_<kind>_<i>, once person447_virus_921_1.
    re.compile(r"(?P<patient>person\d+_(bacteria|virus))_\d+(_\d+)?", re.I),
    # Version 2: IM-<N>-<i>, NORMAL2-IM-<N>-<i>, some with a further number.
    re.compile(r"(?P<patient>(NORMAL2-)?IM-\d+)(-\d+)+", re.I),
    # Version 3: BACTERIA-<N>-<i>, VIRUS-<N>-<i>, NORMAL-<N>-<i>.
    re.compile(r"(?P<patient>(BACTERIA|VIRUS|NORMAL)-\d+)-\d+", re.I),
)


def parse_patient(filename):
    """Returns the patient key in a file name, or `None` if no rule matches it.

    Args:
        filename: Name or path of an image, such as `normal/IM-0115-0001.jpeg`.
    """
    stem = pathlib.PurePosixPath(filename).stem
    for rule in _RULES:
        if match := rule.fullmatch(stem):
            return match["patient"]
    return None


def patient_key(file):
    """Returns the patient key of a `SourceFile`.

    Where no rule matches its name, the file is a patient of its own.
    """
    own = f"file:{file.split or ''}/{file.filename}"
    return parse_patient(file.filename) or own
