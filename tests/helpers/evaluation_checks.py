"""What scores are held against, made up: nulls, worse films, another model."""

from tests.helpers import evaluation_parts as parts


def make_nulls(auc):
    return [
        {
            "name": name,
            "description": description,
            "auc": parts.make_figure("auc", value, "delong"),
            "difference": parts.make_figure(
                "auc_difference", auc - value, "delong", limits=(-1, 1)
            ),
            "reason": None,
        }
        for name, description, value in (
            ("8x8 thumbnail", "The film as 64 grey squares.", auc - 0.03),
            ("container", "Width, height, bytes and kind of the file.", 0.71),
            ("border pixels", "The outermost pixels, no lung.", 0.62),
        )
    ]


_DEGRADATIONS = (
    ("unchanged", "As it is."),
    ("half resolution", "Halved by area, and back."),
    ("quarter resolution", "Quartered by area, and back."),
    ("JPEG 30", "Stored with JPEG quality 30."),
    ("gamma 0.7", "Brighter."),
    ("gamma 1.4", "Darker."),
    ("contrast 0.7", "Less contrast."),
    ("blur", "Gauss, 2 pixels at 256."),
    ("noise", "Gauss, 8 grey levels."),
    ("5 degrees", "Turned by 5 degrees."),
    ("10 % crop", "The middle nine tenths."),
    ("mirrored", "Left is right."),
)


# Of decisions, as a part of the images has them.
_RATES = ("sensitivity", "specificity")


def make_robustness(figures, rates=_RATES):
    values = {figure["name"]: figure["value"] for figure in figures}
    rows = []
    for place, (name, description) in enumerate(_DEGRADATIONS):
        fall = 0.02 * ((5 * place) % 7) / 3
        rows.append(
            {
                "name": name,
                "description": description,
                **dict.fromkeys(_RATES),
                **{
                    rate: parts.make_figure(rate, values[rate] - fall)
                    for rate in ("auc", *rates)
                },
            }
        )
    worst = min(rows, key=lambda row: row["auc"]["value"])
    return {
        "measured_on": "originals",
        "reason": None,
        "rows": rows,
        "worst": {"name": worst["name"], "auc": worst["auc"]},
    }


def make_slices(figures, rates=_RATES):
    def part(column, value, number, shift):
        return {
            "column": column,
            "value": value,
            "num_images": number,
            "num_patients": number - 3,
            "figures": [
                parts.make_figure(each["name"], min(1, each["value"] + shift))
                for each in figures
                if each["name"] in ("auc", *rates)
            ],
            "suppressed": None,
        }

    rare = {"figures": None, "suppressed": "fewer than 5 images"}
    return [
        part("kind", "bacteria", 52, 0.03),
        part("kind", "virus", 41, -0.05),
        part("width", "below 1,100 pixels", 66, -0.02),
        part("width", "1,100 pixels and more", 134, 0.01),
        {**part("source", "archive", 3, 0.0), **rare},
    ]


def make_shift(names, aucs):
    return [
        {
            **{
                "class": name,
                "auc": auc,
                "low": auc - 0.07,
                "high": auc + 0.05,
            },
            "flagged": auc > 0.7,
            "verdict": "of another kind" if auc > 0.7 else "alike",
        }
        for name, auc in zip(names, aucs)
    ]


def make_comparison(figures):
    return {
        "other": "runs/residual",
        "auc_difference": parts.make_figure(
            "auc_difference", 0.012, "delong", width=0.02, limits=(-1, 1)
        ),
        "p_value": 0.0834,
        "mcnemar": {
            **{"only_this": 12, "only_other": 7, "num_patients": 17},
            **{"p_value": 0.4545, "test": "a test of patients"},
        },
        "figures": [
            parts.make_figure(each["name"], 0.01, limits=(-1, 1))
            for each in figures[1:6]
        ],
    }
