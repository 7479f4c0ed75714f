"""What the input check flags: films, and what is none.

    python benchmarks/input_check.py --workdir=RUN FOLDER [FOLDER...]

The folders hold films that the run has not seen. Prints for each of them, and
for these films inverted and turned, for scikit-learn's two photographs, for
parts of them and for noise, which share gets each flag, and which any.
"""

import collections
import io

from PIL import Image
from absl import app
from absl import flags
from absl import logging
import numpy as np

from training import quiet_import

_WORKDIR = flags.DEFINE_string("workdir", None, "Of a run.", required=True)


def _encode(pixels):
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def _photographs():
    from sklearn import datasets

    whole = datasets.load_sample_images().images
    parts = [
        image[top : top + 200, left : left + 200]
        for image in whole
        for top in (0, 100, 200)
        for left in (0, 200, 400)
    ]
    grey = [np.asarray(Image.fromarray(part).convert("L")) for part in parts]
    yield "photographs", [_encode(image) for image in whole]
    yield "parts of them, 200x200", [_encode(image) for image in parts]
    yield "the same in grey", [_encode(image) for image in grey]


def _noise(number=50):
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 256, (number, 300, 300)).astype(np.uint8)
    coarse = [
        np.asarray(Image.fromarray(each[:8, :8]).resize((300, 300)))
        for each in fine
    ]
    yield "noise", [_encode(each) for each in fine]
    yield "noise of 8x8, enlarged", [_encode(each) for each in coarse]
    faint = 120 + fine // 32
    yield "faint noise", [_encode(each) for each in faint]


def _films(predictor, folder):
    from inference import inputs

    paths = [each.path for each in inputs.expand([folder], io.BytesIO())]
    data = [open(path, "rb").read() for path in paths]
    grey = [
        np.asarray(predictor.decode(each).image.convert("L")) for each in data
    ]
    yield folder, data
    yield "  inverted", [_encode(255 - each) for each in grey]
    yield "  turned by 90 degrees", [_encode(np.rot90(each)) for each in grey]
    yield "  upside down", [_encode(each[::-1]) for each in grey]


def _flags_of(predictor, reference, files):
    """Yields the flags of each file."""
    from inference import input_check

    for data in files:
        decoded = predictor.decode(data)
        pixels = predictor.make_pixels(decoded)
        [prediction] = predictor.predict(pixels[np.newaxis])
        features = prediction.features[np.newaxis]
        [others] = input_check.check_familiar(
            reference, pixels[np.newaxis], features
        )
        yield (
            *input_check.check_film(decoded, pixels),
            *others,
        )


def main(argv):
    quiet_import.import_tensorflow()
    logging.set_verbosity(logging.ERROR)
    from inference import input_check
    from inference import predictor as predictor_lib
    from inference import reference_fit
    from inference import runs

    predictor = predictor_lib.open_predictor(_WORKDIR.value, batch_size=1)
    reference = reference_fit.open_reference(runs.open_run(_WORKDIR.value))
    print("| | files | any |", " | ".join(input_check.FLAGS), "|")
    print("|---" * (3 + len(input_check.FLAGS)) + "|")
    sets = [s for folder in argv[1:] for s in _films(predictor, folder)]
    for name, files in (*sets, *_photographs(), *_noise()):
        found = list(_flags_of(predictor, reference, files))
        counts = collections.Counter(flag for each in found for flag in each)
        shares = [sum(map(bool, found)) / len(found)]
        shares += [counts[flag] / len(found) for flag in input_check.FLAGS]
        cells = " | ".join(f"{share:.1%}" for share in shares)
        print(f"| {name} | {len(found)} | {cells} |", flush=True)


if __name__ == "__main__":
    app.run(main)
