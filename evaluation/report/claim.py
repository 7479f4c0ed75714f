"""CLAIM: which items of the checklist the results answer, and where.

The Checklist for Artificial Intelligence in Medical Imaging: Mongan, Moy and
Kahn, Radiology: Artificial Intelligence 2(2):e200029, 2020,
doi:10.1148/ryai.2020200029. The items stand here in words of our own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evaluation.report import claim_model as model
from evaluation.report import claim_study as study
from evaluation.report import words

ANSWERED = "answered"
AUTHOR = "author"

# What is read from results: an anchor of the report and the answer.
Answer = Callable[[words.Results], tuple[str, str] | None]

# Section, and its items: text and what answers it, if anything can.
_ITEMS: tuple[tuple[str, str, Answer | None], ...] = (
    ("Title and abstract", "Names the kind of AI", study.kind_of_ai),
    ("Title and abstract", "Structured summary", study.summary),
    ("Introduction", "Background, intended use, clinical role", None),
    ("Introduction", "Objectives and hypotheses", study.objective),
    ("Study design", "Prospective or retrospective", study.design),
    ("Study design", "Goal of the study", study.goal),
    ("Data", "Sources of the data", study.sources),
    ("Data", "Who was eligible; how, where and when found", None),
    ("Data", "Preprocessing of the images", study.preprocessing),
    ("Data", "Selection of a part of the data", study.selection),
    ("Data", "Definition of the data elements", study.elements),
    ("Data", "De-identification", None),
    ("Data", "Handling of missing data", study.missing_data),
    ("Ground truth", "Definition of the reference standard", None),
    ("Ground truth", "Why this reference standard", None),
    ("Ground truth", "Who annotated, and their qualification", None),
    ("Ground truth", "Tools of annotation", None),
    ("Ground truth", "Agreement between and within readers", None),
    ("Partitions", "Sample size, and why", study.sample_size),
    ("Partitions", "Assignment to partitions", study.partitions),
    ("Partitions", "Level at which they are disjoint", study.disjoint),
    ("Model", "Description of the model", model.model),
    ("Model", "Software and versions", model.software),
    ("Model", "Initial weights", model.initial_weights),
    ("Training", "Details of the training", model.training),
    ("Training", "Choice of the final model", model.final_model),
    ("Training", "Ensembling", model.ensembling),
    ("Evaluation", "Measures of performance", model.measures),
    ("Evaluation", "Significance and uncertainty", model.uncertainty),
    ("Evaluation", "Robustness or sensitivity analysis", model.robustness),
    ("Evaluation", "Explanation of decisions", model.explanation),
    ("Evaluation", "Test on external data", model.external),
    ("Results: data", "Flow of cases, with exclusions", model.flow),
    ("Results: data", "Demographics and clinical characteristics", None),
    ("Results: model", "Performance on all partitions", model.performance),
    ("Results: model", "Diagnostic accuracy with intervals", model.accuracy),
    ("Results: model", "Analysis of wrong decisions", model.failures),
    ("Discussion", "Limitations, bias, generalisation", model.limitations),
    ("Discussion", "Implications for practice", None),
    ("Other", "Registration", None),
    ("Other", "Where the full protocol is", None),
    ("Other", "Funding", None),
)


def answer(results: words.Results) -> list[dict[str, Any]]:
    """Returns the 42 items, answered where the results hold the answer.

    Args:
        results: The content of `metrics.json`; `claim` is not read.

    Returns:
        Dicts with `number` (1 to 42), `section`, `item`, `status` ("answered",
        or "author": only the author can), `where` (an anchor of the report, or
        None) and `answer` (empty for the author).
    """
    items = []
    for number, (section, text, find) in enumerate(_ITEMS, start=1):
        found = find(results) if find else None
        where, said = found or (None, "")
        items.append(
            {
                "number": number,
                "section": section,
                "item": text,
                "status": ANSWERED if found else AUTHOR,
                "where": where,
                "answer": said,
            }
        )
    return items
