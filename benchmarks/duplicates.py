"""How well copies of a film are found, and told apart from other films.

    python benchmarks/duplicates.py --images_dir=DIR [--others_dir=DIR]

Prints three tables. Copies: how many of some films' copies are found, by what
was done to them, and how far they are, in units of the limit (at most 1 is
near); flipped films are no copies. Films: equal and near pairs among all files
of DIR, and how far the nearest different ones are. Times. Files of the same
name in `--others_dir`, made by other hands, are copies too.
"""

import collections
import hashlib
import io
import pathlib
import time

from PIL import Image
from PIL import ImageOps
from absl import app
from absl import flags
import numpy as np

from xray_tfds.curate import duplicates
from xray_tfds.curate import perceptual_hash
from xray_tfds.decode import images

_IMAGES_DIR = flags.DEFINE_string(
    "images_dir",
    None,
    "Folder of films, searched for duplicates.",
    required=True,
)
_OTHERS_DIR = flags.DEFINE_string(
    "others_dir", None, "Folder of films of which some names are in images_dir."
)
_NUM_COPIED = flags.DEFINE_integer(
    "num_copied", 500, "Of how many films copies are made.", lower_bound=1
)
_SEARCHED = flags.DEFINE_multi_integer(
    "searched", [20_000, 200_000], "Search times are taken for so many films."
)
_SEED = flags.DEFINE_integer("seed", 0, "Chooses films and copies.")

_FILTERS = (
    Image.Resampling.BILINEAR,
    Image.Resampling.BICUBIC,
    Image.Resampling.BOX,
    Image.Resampling.LANCZOS,
)
_NEAREST = (Image.Resampling.NEAREST,)


def recompress(image, quality):
    """Returns the film after a pass through JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=int(quality))
    return Image.open(buffer)


def resize(image, rng, across, down, filters=_FILTERS):
    """Returns the film scaled by two factors, by one of PIL's filters."""
    size = (round(image.width * across), round(image.height * down))
    return image.resize(size, filters[rng.integers(len(filters))])


def retouch(image, gamma=1.0, brightness=0.0, contrast=1.0):
    """Returns the film with other grey levels, clipped to 0..255."""
    levels = (np.arange(256) / 255) ** gamma
    levels = (levels - 0.5) * contrast + 0.5 + brightness
    return image.point(np.rint(255 * levels.clip(0, 1)).astype(int).tolist())


def _combine(image, rng):
    """All at once, each by as much as it comes."""
    draw = rng.uniform
    image = resize(image, rng, draw(0.25, 2), draw(0.25, 2))
    image = retouch(image, draw(0.8, 1.25), draw(-0.08, 0.08), draw(0.85, 1.15))
    return recompress(image, rng.integers(30, 96))


def _combine_extremes(image, rng):
    """All at once, each by as much as there is."""
    image = resize(image, rng, 0.25, 0.25)
    image = retouch(
        image, rng.choice([0.8, 1.25]), rng.choice([-0.08, 0.08]), 1.15
    )
    return recompress(image, 30)


# Name -> function of an 8-bit grey film and a random generator.
COPIES = {
    "JPEG quality 30": lambda im, rng: recompress(im, 30),
    "JPEG quality 30 to 95": lambda im, rng: recompress(
        im, rng.integers(30, 96)
    ),
    "scale .25": lambda im, rng: resize(im, rng, 0.25, 0.25),
    "scale .25, nearest": lambda im, rng: resize(im, rng, 0.25, 0.25, _NEAREST),
    "scale .25 to 2": lambda im, rng: resize(
        im, rng, *[rng.uniform(0.25, 2)] * 2
    ),
    "squashed, .5 to 1.5 by side": lambda im, rng: resize(
        im, rng, *rng.uniform(0.5, 1.5, 2)
    ),
    "gamma .8": lambda im, rng: retouch(im, gamma=0.8),
    "gamma 1.25": lambda im, rng: retouch(im, gamma=1.25),
    "brightness -10 to 10 %": lambda im, rng: retouch(
        im, brightness=rng.uniform(-0.1, 0.1)
    ),
    "contrast .8 to 1.2": lambda im, rng: retouch(
        im, contrast=rng.uniform(0.8, 1.2)
    ),
    "all of these, by chance": _combine,
    "all of these, at their worst": _combine_extremes,
}
FLIPS = {
    "not a copy: left and right": lambda im, rng: ImageOps.mirror(im),
    "not a copy: upside down": lambda im, rng: ImageOps.flip(im),
}


def _open(path):
    image = Image.open(io.BytesIO(path.read_bytes()))
    image.load()
    return image


def _hash(images):
    """Returns the signatures of images, uint8 `[n, k]`."""
    data = b"".join(map(duplicates.signature, images))
    return np.frombuffer(data, np.uint8).reshape(-1, duplicates.SIGNATURE_SIZE)


def _report_copies(paths, rng):
    """Prints how many copies are found, and how far they are."""
    print(
        f"{'copies':32} {'found':>11} {'recall':>7}"
        f" {'least':>5} {'95 %':>5} {'most':>5}"
    )
    chosen = rng.permutation(len(paths))[: _NUM_COPIED.value]
    films = [_open(paths[index]).convert("L") for index in sorted(chosen)]
    signatures = _hash(films)
    for name, copy in (COPIES | FLIPS).items():
        copies = _hash(copy(film, rng) for film in films)
        _report_distances(name, signatures, copies)


def _report_others(paths, directory):
    """Prints how many films are found in another version of the data."""
    others = {path.name: path for path in _list(directory)}
    names = [path for path in paths if path.name in others]
    if names:
        films = _hash(map(_open, names))
        copies = _hash(_open(others[path.name]) for path in names)
        _report_distances("same names in others_dir", films, copies)


def _report_distances(name, signatures, copies):
    distances = perceptual_hash.distances(signatures, copies)
    found = int((distances <= 1).sum())
    print(
        f"{name:32} {found:5}/{len(distances):5} {found / len(distances):7.2%}"
        f" {distances.min():5.2f} {np.quantile(distances, 0.95):5.2f}"
        f" {distances.max():5.2f}"
    )


def _report_films(paths, signatures, digests):
    """Prints the groups of equal files and the pairs that are only near."""
    start = time.perf_counter()
    clusters = duplicates.find_clusters(
        digests[0], digests[1], list(map(bytes, signatures))
    )
    seconds = time.perf_counter() - start
    kinds = collections.Counter(cluster.kind for cluster in clusters)
    groups = collections.Counter(digests[0]).values()
    print(
        f"\n{len(paths)} films;"
        f" groups of equal files: {sum(size > 1 for size in groups)}"
        f" ({sum(size for size in groups if size > 1)} files);"
        f" clusters found: {dict(kinds)} in {seconds:.2f} s"
    )
    pairs = duplicates.find_near_pairs(signatures)
    for first, second in pairs:
        if digests[1][first] != digests[1][second]:
            print(f"near, not equal: {paths[first]} {paths[second]}")
    nearest = _nearest_different(signatures, digests[1])
    for rank in (1, 10, 100, 1000):
        if rank <= len(nearest):
            print(f"different pairs, nearest no. {rank}: {nearest[rank-1]:.2f}")


def _nearest_different(signatures, pixel_digests):
    """Returns the distances of all pairs below 4, float32, ascending."""
    _, films = np.unique(pixel_digests, return_inverse=True)
    coarse = perceptual_hash.coarse(signatures)
    fine = perceptual_hash.fine(signatures)
    found = []
    for start in range(0, len(signatures), 1024):
        rows = slice(start, start + 1024)
        distances = np.maximum(
            (1 - coarse[rows] @ coarse[start:].T)
            / perceptual_hash.MAX_COARSE_DISTANCE,
            (1 - fine[rows] @ fine[start:].T)
            / perceptual_hash.MAX_FINE_DISTANCE,
        )
        wanted = np.triu(distances < 4, 1)
        wanted &= films[rows][:, np.newaxis] != films[start:]
        found.append(distances[wanted])
    return np.sort(np.concatenate(found))


def _report_times(paths, signatures, rng):
    """Prints microseconds a film, and seconds a search."""
    data = [path.read_bytes() for path in paths[:300]]
    films = [Image.open(io.BytesIO(content)) for content in data]
    for name, function, arguments in (
        ("decoding", _load, data),
        ("pixel_digest", duplicates.pixel_digest, films),
        ("signature", duplicates.signature, films),
    ):
        times = [_seconds(function, arguments) for _ in range(5)]
        micro = 1e6 / len(arguments)
        print(
            f"{name:14} {micro * np.median(times):6.0f} us a film,"
            f" {micro * min(times):.0f} at best"
        )
    for number in (len(paths), *_SEARCHED.value):
        films = _mix(signatures, number, rng)
        seconds = _seconds(duplicates.find_near_pairs, [films])
        print(f"search among {number:7,} films: {seconds:6.2f} s")


def _load(content):
    Image.open(io.BytesIO(content)).load()


def _seconds(function, arguments):
    start = time.perf_counter()
    for argument in arguments:
        function(argument)
    return time.perf_counter() - start


def _mix(signatures, number, rng):
    """Returns signatures of more films: those there are, and means of two."""
    if number <= len(signatures):
        return signatures[:number]
    values = signatures.view(np.int8).astype(np.float32)
    first, second = rng.integers(len(values), size=(2, number - len(values)))
    share = rng.uniform(0.3, 0.7, (len(first), 1)).astype(np.float32)
    mixed = values[first] * share + values[second] * (1 - share)
    mixed = np.rint(mixed).astype(np.int8).view(np.uint8)
    return np.concatenate([signatures, mixed])


def _list(directory):
    """Returns the paths of all images below a folder, sorted."""
    found = []
    for path in sorted(pathlib.Path(directory).rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                if images.sniff_format(file.read(64)):
                    found.append(path)
    return found


def main(argv):
    del argv  # Unused.
    rng = np.random.default_rng(_SEED.value)
    paths = _list(_IMAGES_DIR.value)
    _report_copies(paths, rng)
    if _OTHERS_DIR.value:
        _report_others(paths, _OTHERS_DIR.value)
    signatures = np.concatenate([_hash([_open(path)]) for path in paths])
    digests = (
        [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths],
        [duplicates.pixel_digest(_open(path)) for path in paths],
    )
    _report_films(paths, signatures, digests)
    _report_times(paths, signatures, rng)


if __name__ == "__main__":
    app.run(main)
