"""The table on the terminal: narrow, and in full."""

import pytest

from evaluation.report import console
from evaluation.report import words
from tests.helpers import evaluation_checks
from tests.helpers import evaluation_results


@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
@pytest.mark.parametrize("name", ["normal", "a class of a very long name" * 4])
def test_no_line_is_wider_than_a_terminal(make, name):
    results = getattr(evaluation_results, f"make_{make}")()
    results["data"]["classes"][0]["name"] = name
    for each in results["nulls"] or ():
        each["name"] = name
    for each in results["per_class"] or ():
        each["class"] = name
    evaluation_results.complete(results)
    text = console.render(results, "out/report.html")
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("Report: out/report.html")
    assert "None" not in text


def test_all_that_matters_is_said():
    results = evaluation_results.make_binary()
    results["comparison"] = evaluation_checks.make_comparison(
        results["figures"]
    )
    text = console.render(results, "report.html")
    flat = " ".join(text.split())
    for sentence in (*results["verdict"], *results["cautions"]):
        assert " ".join(sentence.split()) in flat.replace("\n", " ")
    for name in ("auc", "sensitivity", "specificity", "ppv"):
        figure = words.find(results["figures"], name)
        assert words.with_interval(figure) in flat
    for row in results["threshold"]["table"]:
        assert words.with_interval(row["sensitivity"]) in text
    for null in results["nulls"]:
        assert words.with_interval(null["difference"]) in text
    comparison = results["comparison"]
    assert words.with_interval(comparison["auc_difference"]) in flat
    assert words.p_value(comparison["mcnemar"]["p_value"]) in flat
    assert "in 17 patients" in flat and comparison["mcnemar"]["test"] in flat
    assert results["robustness"]["worst"]["name"] in text


def test_each_of_several_classes_is_said():
    results = evaluation_results.make_multiclass()
    lines = console.render(results, "report.html").splitlines()
    assert len(results["per_class"]) > 2
    for each in results["per_class"]:
        auc = words.find(each["figures"], "auc")
        (line,) = (x for x in lines if x.startswith(f"{each['class']} "))
        assert line.endswith(words.interval(auc))
        assert f" {words.number(auc['value'])} " in line
