"""The page: every number is the results' own, harmless, read by a browser."""

import functools
import html
import json
import re

import pytest

from evaluation import report
from evaluation.report import card
from evaluation.report import page
from evaluation.report import words
from tests.helpers import browser
from tests.helpers import evaluation_checks
from tests.helpers import evaluation_results
from tests.helpers import report_inputs
from tests.helpers import study_parts

_HOSTILE = (
    '<script>alert(1)</script>"><img src=https://evil.example/x onerror=a(1)>'
    "{{ 7 * 7 }}{% raw %} a|b *c* $d_e$ \u202ef"
)


@functools.cache
def _rendered(make):
    """Returns results and their page."""
    results = getattr(evaluation_results, f"make_{make}")()
    return results, page.render(results)


@pytest.fixture(scope="module", name="results")
def fixture_results():
    return evaluation_results.make_binary(
        split="test",
        names=("normal", "pneumonia"),
        comparison=evaluation_checks.make_comparison(
            evaluation_results.make_binary()["figures"]
        ),
    )


@pytest.fixture(scope="module", name="text")
def fixture_text(results):
    return page.render(results)


def _data(text):
    """Yields the value and the words of each number on the page."""
    for value, shown in re.findall(r'<data value="([^"]*)">([^<]*)<', text):
        yield float(value), shown


@pytest.mark.parametrize("make", ["binary", "multiclass"])
def test_every_figure_stands_on_the_page_as_it_is_in_the_results(make):
    results, text = _rendered(make)
    on_page = set(_data(text))
    for value, shown in on_page:
        assert shown == f"{value:.3f}"
    values = {value for value, _ in on_page}
    figures = list(words.walk(results))
    assert len(figures) > 60
    for figure in figures:
        ends = (figure["low"], figure["value"], figure["high"])
        assert set(ends) <= values, figure


def test_numbers_of_the_page_are_those_of_the_results(results, text):
    known = set(re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", json.dumps(results)))
    for value, _ in _data(text):
        assert repr(value) in known


def test_band_is_not_said_to_hold_whole_curves(text):
    """Which 65 of 100 resampled curves of the sample did."""
    read = report_inputs.Page(text).text
    assert "At each point the band holds 95 % of the curves" in read


def test_counts_stand_in_the_confusion_matrix(results, text):
    cells = dict(re.findall(r'<a href="#(cell-\d-\d)">([\d,]+)</a>', text))
    for true, row in enumerate(results["confusion"]["counts"]):
        for called, number in enumerate(row):
            assert cells[f"cell-{true}-{called}"] == f"{number:,}"


def test_positive_class_is_called_by_its_own_name():
    results = evaluation_results.make_binary(20, names=("none", "COVID-19"))
    text = report_inputs.Page(page.render(results)).text
    assert re.search(r"Positive \(COVID-19\): 50\.0.% of these images", text)


def test_cell_leads_to_its_cases_and_says_how_many_it_leaves_out(results, text):
    number = results["confusion"]["counts"][1][1]
    assert number > page.MAX_CASES
    cell = re.search(r'<div id="cell-1-1">(.*?)</div>', text, re.S)[1]
    keys = re.findall(r'<code class="file">([^<]*)</code>', cell)
    expected = results["confusion"]["cases"]["1,1"][: page.MAX_CASES]
    assert keys == [case["key"] for case in expected]
    assert f"{number - page.MAX_CASES} more" in cell and "scores.csv" in cell


def test_cases_without_probabilities_are_listed_too(results):
    cases = {
        cell: [case["key"] for case in entries]
        for cell, entries in results["confusion"]["cases"].items()
    }
    confusion = {**results["confusion"], "cases": cases}
    text = page.render({**results, "confusion": confusion})
    assert all(key in text for key in cases["0,1"])


def test_method_of_each_interval_is_marked_with_its_reason(results, text):
    legend = re.search(r'<p id="methods".*?</p>', text, re.S)[0]
    reasons = re.search("Why these intervals.*?</dl>", text, re.S)[0]
    for figure in results["figures"]:
        mark, name = words.METHODS[figure["method"]]
        assert f"<strong>{mark}</strong> {name}" in legend
        title = html.escape(words.title(figure["name"]))
        reason = html.escape(figure["reason"])
        assert f"<dt>{title}</dt><dd>{reason}</dd>" in reasons


def test_test_of_decisions_is_named_with_its_patients(results, text):
    read = report_inputs.Page(text).text
    test = results["comparison"]["mcnemar"]["test"]
    assert "right more often in 17 patients" in read and test in read


def test_no_p_value_is_0(results):
    """As those of large sets are that differ much, in floats."""
    comparison = {**results["comparison"], "p_value": 0.0}
    text = page.render({**results, "comparison": comparison})
    assert "DeLong's test p < 0.001." in report_inputs.Page(text).text


def test_whose_probabilities_are_judged_is_told(results, text):
    """Whoever computes a Brier score from those of the network has another."""
    said = "Brier score, log loss and calibration error are of the calibrated"
    assert said in report_inputs.Page(text).text and said in card.render(
        results
    )
    calibration = {**results["calibration"], "after": None}
    results = {**results, "calibration": calibration}
    assert said not in page.render(results) + card.render(results)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_choice_on_the_evaluated_images_is_admitted(split):
    text = page.render(evaluation_results.make_binary(40, split=split))
    flatters = "on these very images, which flatters it" in text
    assert flatters == (split == "validation")
    assert ("never on what is evaluated" in text) == (split == "test")


@pytest.mark.parametrize("make", ["binary", "multiclass"])
def test_what_a_temperature_changes_is_told(make):
    results, text = _rendered(make)
    assert results["calibration"]["method"] == "temperature"
    assert ("It changes no order" in text) == (make == "binary")
    assert ("may change the order" in text) == (make == "multiclass")


def test_cautions_come_before_the_verdict_and_all_is_said(results):
    shift = evaluation_checks.make_shift(("normal", "pneumonia"), (0.9, 0.5))
    results = evaluation_results.complete({**results, "shift": shift})
    text = page.render(results)
    read = report_inputs.Page(text).text
    assert "normal" in results["cautions"][0]
    for sentence in (*results["cautions"], *results["verdict"]):
        assert " ".join(sentence.split()) in read
    assert text.index('id="cautions"') < text.index('id="verdict"')


def test_hostile_names_are_text_and_nothing_else():
    hostile = _HOSTILE
    results = evaluation_results.make_binary(
        40,
        names=(hostile, "pneumonia"),
        title=hostile,
        flags={hostile: hostile},
        versions={hostile: hostile},
        slices=[
            {
                **{"column": hostile, "value": hostile, "num_images": 1},
                **{"num_patients": 1, "figures": None, "suppressed": hostile},
            }
        ],
        provenance={
            **study_parts.PROVENANCE,
            **{"homepage": f"javascript:{hostile}", "license": hostile},
        },
    )
    results["data"]["excluded"] = [{"key": hostile, "reason": hostile}]
    for case in results["cases"]["errors"]:
        case["image"] = "https://evil.example/x"
    text = page.render(results)
    report_inputs.assert_harmless(text)
    read = report_inputs.Page(text)
    assert " ".join(hostile.split()) in read.text
    assert 'src="https' not in text


@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
def test_page_needs_nothing_else(make):
    _, text = _rendered(make)
    report_inputs.assert_harmless(text)
    loaded = re.sub(r'<a href="https?://[^"]*"', "", text)
    for attribute in re.findall(r'(?:src|href)="([^"]*)"', loaded):
        assert attribute.startswith(("#", "data:"))


def test_every_section_of_the_table_of_contents_is_there(text):
    read = report_inputs.Page(text)
    ids = [
        attributes["id"] for _, attributes in read.tags if "id" in attributes
    ]
    assert len(ids) == len(set(ids))
    anchors = {
        attributes["href"][1:]
        for tag, attributes in read.tags
        if tag == "a" and attributes["href"].startswith("#")
    }
    assert anchors <= set(ids)


@pytest.mark.parametrize("make", ["binary", "multiclass", "minimal"])
def test_answers_to_claim_lead_to_a_place_on_the_page(make):
    results, text = _rendered(make)
    ids = set(re.findall(r'id="([^"]*)"', text))
    places = {item["where"] for item in results["claim"]} - {None}
    assert places and places <= ids


def test_page_of_many_scores_is_below_two_megabytes(tmp_path):
    path = report.write_report(evaluation_results.make_binary(5000), tmp_path)
    assert path.stat().st_size < 2e6


def test_report_is_written_whole_or_not_at_all(results, tmp_path):
    path = report.write_report(results, tmp_path)
    assert {each.name for each in tmp_path.iterdir()} == {
        "report.html",
        "model_card.md",
    }
    before = path.read_bytes()
    with pytest.raises(Exception, match="figures"):
        report.write_report(
            {key: value for key, value in results.items() if key != "figures"},
            tmp_path,
        )
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2
    report.write_report(results, tmp_path)
    assert path.read_bytes() == before


def test_nothing_is_left_behind_where_the_page_cannot_be_written(
    results, tmp_path
):
    (tmp_path / "report.html").mkdir()
    with pytest.raises(OSError):
        report.write_report(results, tmp_path)
    assert not list(tmp_path.glob(".*"))


@browser.needs_chromium
@pytest.mark.parametrize("width", [1200, 390])
def test_page_opens_in_a_browser(results, tmp_path, width):
    path = report.write_report(results, tmp_path)
    seen = browser.measure(path, tmp_path, width=width)
    assert seen["num_images"] >= 24 + 8
    assert seen["broken"] == seen["console"] == seen["requests"] == []
    assert seen["dead"] == []
    assert seen["needed"] <= seen["width"] <= width
    assert seen["height"] > 3000


@browser.needs_chromium
def test_browser_sees_what_is_wrong_with_a_page(tmp_path):
    path = tmp_path / "bad.html"
    path.write_text(
        '<img src="http://127.0.0.1:9/x.png" alt="a"><a href="#none">q</a>'
        '<p style="width: 2000px">x</p><script>console.error("boo")</script>'
    )
    seen = browser.measure(path, tmp_path, width=390)
    assert seen["broken"] == ["a"] and seen["dead"] == ["none"]
    assert "boo" in seen["console"][0] and seen["needed"] > seen["width"]
    assert "http://127.0.0.1:9/x.png" in seen["requests"]
