"""CLAIM on the study and its data: answers made of what the results hold.

Each returns the anchor of the section that has more, and the answer; or None
where the results do not hold it. `metrics.json` is all they read.
"""

from __future__ import annotations

from evaluation.report import provenance
from evaluation.report import words


def kind_of_ai(results: words.Results) -> tuple[str, str]:
    """Says that this is deep learning, and on what."""
    return (
        "verdict",
        "Deep learning, classification of chest X-rays:"
        f" {words.model_name(results)}.",
    )


def summary(results: words.Results) -> tuple[str, str] | None:
    """Points to the three sentences."""
    if not words.model_auc(results):
        return None
    return ("verdict", "The three sentences at the head of the report.")


def objective(results: words.Results) -> tuple[str, str] | None:
    """Says what is tested: that a network sees more than a null model."""
    if not results["nulls"]:
        return None
    nulls = words.join([each["name"] for each in results["nulls"]])
    return (
        "nulls",
        f"To measure how well {words.join(words.class_names(results))} are told"
        f" apart, and whether better than by what is no finding: {nulls}.",
    )


def design(results: words.Results) -> tuple[str, str]:
    """Says that the images were there before the network."""
    del results  # It is so for all of them.
    return (
        "limits",
        "Retrospective: images and labels were there before the network was"
        " evaluated on them.",
    )


def goal(results: words.Results) -> tuple[str, str] | None:
    """Says that a model is made and evaluated."""
    if not results["training"]:
        return None
    external = results["data"]["split"] == "external"
    kind = "external" if external else "internal"
    return ("verdict", f"Creation of a model, and its {kind} evaluation.")


def sources(results: words.Results) -> tuple[str, str] | None:
    """Names the set, its files and its licence."""
    build = provenance.summarize(results["provenance"])
    if build is None or build["num_files"] is None:
        return None
    text = f"{results['data']['name']}: {build['num_files']:,} source files"
    for name in ("homepage", "license"):
        if build[name]:
            text += f"; {build[name]}"
    return ("data", text + ".")


def preprocessing(results: words.Results) -> tuple[str, str] | None:
    """Says how a file becomes what the network is fed."""
    build = provenance.summarize(results["provenance"])
    options = build["options"] if build else {}
    size = options.get("image_size")
    if not size:
        return None
    parts = [f"Resized to {' x '.join(map(str, size))} pixels"]
    if options.get("interpolation"):
        parts.append(str(options["interpolation"]))
    if options.get("color_mode"):
        parts.append(str(options["color_mode"]))
    if options.get("harmonize"):
        parts.append(f"harmonize={options['harmonize']}")
    rescale = words.settings(results).get("rescale")
    if rescale:  # 0 is that of a run without it.
        parts.append(f"multiplied by {rescale:.6g}")
    return ("setup", ", ".join(parts) + ".")


def selection(results: words.Results) -> tuple[str, str] | None:
    """Says how many of the files were left out."""
    build = provenance.summarize(results["provenance"])
    if build is None or build["num_excluded"] is None:
        return None
    return (
        "data",
        f"All files of the source but {build['num_excluded']:,};"
        f" {len(results['data']['excluded'] or ()):,} images of this set were"
        " left out of the evaluation. The reasons are listed.",
    )


def elements(results: words.Results) -> tuple[str, str]:
    """Names the classes, the unit of analysis and what is positive."""
    names = words.class_names(results)
    text = f"Classes: {', '.join(names)}. Unit: the image, grouped by patient."
    if words.is_binary(results):
        text += f" Positive: {names[1]}."
    return ("data", text)


def missing_data(results: words.Results) -> tuple[str, str] | None:
    """Says that nothing is imputed."""
    if provenance.summarize(results["provenance"]) is None:
        return None
    return (
        "data",
        "Files that cannot be decoded to the last pixel are excluded and"
        " listed. Nothing is imputed.",
    )


def sample_size(results: words.Results) -> tuple[str, str] | None:
    """Says that there was no plan, and how precise the result is."""
    auc = words.model_auc(results)
    if auc is None or auc["low"] is None:
        return None
    return (
        "results",
        "Not planned: all eligible images were used,"
        f" {results['data']['num_images']:,}. The precision reached: AUC"
        f" {words.with_interval(auc)}.",
    )


def partitions(results: words.Results) -> tuple[str, str] | None:
    """Says how images came into the splits."""
    build = provenance.summarize(results["provenance"])
    if build is None or not build["cells"]:
        return None
    if results["data"]["split"] == "external":
        # Into which splits the build has dealt its images does not matter.
        number = results["data"]["num_images"]
        return ("data", f"All {number:,} images of the folder are one set.")
    images: dict[str, int] = {}
    for cell in build["cells"]:
        images[cell["split"]] = images.get(cell["split"], 0) + cell["images"]
    shares = [f"{split} {number:,}" for split, number in images.items()]
    text = f"Images: {', '.join(shares)}."
    given = build["options"].get("validation")
    if given is not None:
        text += f" validation={given}, seed={build['options'].get('seed')}."
    return ("data", text)


def disjoint(results: words.Results) -> tuple[str, str] | None:
    """Says whether patients are apart."""
    overlap = results["data"]["overlap"]
    if overlap is None:
        return None
    return (
        "data",
        f"By patient: {overlap['patients']:,} patients of this set have the"
        f" names of patients in training, and {overlap['seen']:,} of its images"
        f" were in {_seen_in(results)}. Of {overlap['unknown']:,} images it is"
        " not known whether their patients were.",
    )


def _seen_in(results: words.Results) -> str:
    is_validation = results["data"]["split"] == "validation"
    return "training" if is_validation else "training or validation"
