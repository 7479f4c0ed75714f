"""The evaluation report: evidence about a model, on one page and in one card.

    results = {...}  # the content of metrics.json
    results["cautions"] = cautions.find(results)
    results["verdict"] = verdict.sentences(results)
    results["claim"] = claim.answer(results)
    report.write_report(results, output_dir)
    print(console.render(results, path))

Nothing is computed here but what is drawn: each number on the page is one of
`metrics.json`. A figure is a dict as `evaluation.figure.Figure.as_json`
returns it; what could not be measured is None.
"""

from evaluation.report.writing import write_report

__all__ = ["write_report"]
