"""The metrics of a run on disk, also where somebody has edited them."""

import json

import pytest

from training.workdir import metrics_file

_RECORD = {
    "epoch": 1,
    "loss": 0.5,
    "val_loss": None,
    "val_accuracy": 1,
    "val_auc": 0.75,
    "seconds": 2.0,
}


def _write(directory, **changes):
    record = {**_RECORD, **changes}
    lines = [json.dumps(_RECORD), json.dumps(record)]
    (directory / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def test_what_was_written_is_read_without_what_is_not_finite(tmp_path):
    assert metrics_file.read_metrics(tmp_path) == []
    metrics_file.write_metrics(tmp_path, [_RECORD])
    assert metrics_file.read_metrics(tmp_path) == [_RECORD]
    _write(tmp_path, loss=float("nan"))
    assert metrics_file.read_metrics(tmp_path)[1]["loss"] is None


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"epoch": "1"}, 'in line 2 "epoch" must be a whole number'),
        ({"epoch": None}, 'in line 2 "epoch" is missing'),
        ({"val_auc": [0.5]}, 'in line 2 "val_auc" must be a number'),
        ({"loss": "low"}, "in line 2 \"loss\" must be a number, not 'low'"),
    ],
)
def test_edited_values_are_named(tmp_path, changes, words):
    _write(tmp_path, **changes)
    with pytest.raises(ValueError, match=f"metrics.jsonl is damaged.*{words}"):
        metrics_file.read_metrics(tmp_path)


@pytest.mark.parametrize("text", ["5", "[]", '{"epoch": 1}', "{", "\xff"])
def test_lines_of_something_else_are_refused(tmp_path, text):
    (tmp_path / "metrics.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match="metrics.jsonl is damaged.*Restore"):
        metrics_file.read_metrics(tmp_path)
