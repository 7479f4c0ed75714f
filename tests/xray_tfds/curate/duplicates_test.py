"""`duplicates`: digests, the search among many films, clusters."""

import collections
import hashlib
import io
import tracemalloc

from PIL import Image
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from scipy import sparse
from scipy.sparse import csgraph

from tests.helpers import image_trees
from xray_tfds import parallel
from xray_tfds.curate import duplicates
from xray_tfds.curate import perceptual_hash
from xray_tfds.phantom import cohort

FLAT = bytes(duplicates.SIGNATURE_SIZE)


@pytest.fixture(scope="module")
def films():
    """Synthetic films, some of them of one patient, uint8 grey."""
    return [Image.fromarray(cohort.draw(film)) for film in cohort.plan(12)]


def jpeg(image, quality):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer)


def test_pixel_digest_is_of_pixels(films):
    film = films[0].crop((0, 0, 60, 40))
    digest = duplicates.pixel_digest(film)
    for options in ({"format": "PNG"}, {"format": "BMP"}, {"format": "TIFF"}):
        buffer = io.BytesIO()
        film.save(buffer, **options)
        assert duplicates.pixel_digest(Image.open(buffer)) == digest
    others = [
        film.convert("RGB"),
        jpeg(film, 95),
        film.rotate(180),
        Image.frombytes("L", (40, 60), film.tobytes()),
    ]
    digests = {duplicates.pixel_digest(other) for other in others}
    assert len(digests | {digest}) == 5


def test_pixel_digest_of_a_palette_is_of_its_colours():
    images = []
    for palette in ((0, 0, 0, 255, 255, 255), (255, 255, 255, 0, 0, 0)):
        image = Image.new("P", (4, 4), 0)
        image.putpalette(palette)
        images.append(image)
    first, second = map(duplicates.pixel_digest, images)
    assert first != second
    assert duplicates.pixel_digest(images[1].point([1, 0] * 128)) == first


def random_signatures(count, seed):
    """Families of vectors at all distances around the limits; some flat."""
    generator = np.random.default_rng(seed)
    centres = generator.normal(0, 30, (1 + count // 10, len(FLAT)))
    spread = generator.uniform(0, 6, (count, 1))
    values = centres[generator.integers(len(centres), size=count)]
    values = values + spread * generator.normal(size=values.shape)
    values[generator.random(count) < 0.05] = 0
    return np.rint(values.clip(-127, 127)).astype(np.int8).view(np.uint8)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 50, 200])
@pytest.mark.parametrize("block_size, at_once", [(16, 7), (1024, 8192)])
def test_search_finds_what_comparing_all_finds(
    monkeypatch, count, block_size, at_once
):
    monkeypatch.setattr(duplicates, "_BLOCK_SIZE", block_size)
    monkeypatch.setattr(duplicates, "_PAIRS_AT_ONCE", at_once)
    signatures = random_signatures(count, seed=count)
    first, second = np.triu_indices(count, 1)
    distances = perceptual_hash.distances(signatures[first], signatures[second])
    expected = np.stack([first, second], axis=1)[distances <= 1]
    if count >= 50:
        # As many just below the limit as just above it.
        assert ((distances > 0.8) & (distances <= 1)).sum() >= count // 10
        assert ((distances > 1) & (distances < 1.2)).sum() >= count // 10
    pairs = duplicates.find_near_pairs(signatures)
    assert pairs.dtype == np.int64
    np.testing.assert_array_equal(pairs, expected)


def test_search_needs_bounded_memory():
    # Equal in the coarse part, different in the fine one: nothing is excluded
    # early, and all 125,000 pairs, 230 MB as float32, are compared in full.
    generator = np.random.default_rng(0)
    values = generator.integers(-9, 10, (500, len(FLAT)))
    values[:, perceptual_hash._COARSE] = values[0, perceptual_hash._COARSE]
    signatures = values.astype(np.int8).view(np.uint8)
    tracemalloc.start()
    try:
        pairs = duplicates.find_near_pairs(signatures)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not len(pairs)
    assert peak < 80e6


@pytest.mark.parametrize(
    "signatures",
    [
        np.zeros((3, 8), np.uint8),
        np.zeros((3, len(FLAT)), np.int8),
        np.zeros(len(FLAT), np.uint8),
    ],
    ids=["columns", "type", "dimensions"],
)
def test_search_refuses_other_arrays(signatures):
    with pytest.raises(ValueError, match="`signatures` must be uint8"):
        duplicates.find_near_pairs(signatures)


def clusters_of(files):
    """Clusters of `(bytes, image)` pairs, as the builder asks for them."""
    return duplicates.find_clusters(
        [hashlib.sha256(data).hexdigest() for data, _ in files],
        [duplicates.pixel_digest(image) for _, image in files],
        [duplicates.signature(image) for _, image in files],
    )


def test_clusters_have_the_strongest_kind_that_all_share(films):
    first, second, third, fourth = films[:4]
    files = [
        (b"near", first),
        (b"alone", fourth),
        (b"pixels", second),
        (b"bytes", third),
        (b"near again", jpeg(first, 50)),
        (b"bytes", third),
        (b"pixels again", second),
        (b"bytes", third),
        (b"near", first),
    ]
    assert clusters_of(files) == [
        duplicates.Cluster("near", (0, 4, 8)),
        duplicates.Cluster("pixels", (2, 6)),
        duplicates.Cluster("bytes", (3, 5, 7)),
    ]


def test_equal_flat_files_are_duplicates_too():
    black, white = (Image.new("L", (40, 40), level) for level in (0, 255))
    files = [(b"a", black), (b"b", white), (b"c", black)]
    assert clusters_of(files) == [duplicates.Cluster("pixels", (0, 2))]


def test_a_copy_of_a_copy_is_in_the_cluster():
    # Neighbours in the chain are near, its ends are not.
    generator = np.random.default_rng(0)
    start, end = generator.normal(0, 30, (2, len(FLAT)))
    shares = np.linspace(0, 1, 31)[:, np.newaxis]
    chain = np.rint(start * (1 - shares) + end * shares).clip(-127, 127)
    chain = chain.astype(np.int8).view(np.uint8)
    assert perceptual_hash.distances(chain[:1], chain[-1:]) > 1
    names = list(map(str, range(31)))
    clusters = duplicates.find_clusters(names, names, list(map(bytes, chain)))
    assert clusters == [duplicates.Cluster("near", tuple(range(31)))]


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 3), st.integers(-1, 9)),
        max_size=15,
    )
)
def test_clusters_are_connected_components(rows):
    # Equal bytes have equal pixels: the number of both, the number of pixels.
    bases = [bytes(row) for row in random_signatures(200, 1) if row.any()]
    data = [f"{pixels} {container}" for pixels, container, _ in rows]
    pixels = [str(pixels) for pixels, _, _ in rows]
    hashes = [FLAT if base < 0 else bases[base] for _, _, base in rows]
    clusters = duplicates.find_clusters(data, pixels, hashes)
    first, second = np.triu_indices(len(rows), 1)
    array = np.frombuffer(b"".join(hashes), np.uint8).reshape(-1, len(FLAT))
    near = perceptual_hash.distances(array[first], array[second]) <= 1
    numbers = np.array([pixels for pixels, _, _ in rows], int)
    edges = near | (numbers[first] == numbers[second])
    if rows:
        first, second = first[edges], second[edges]
        graph = sparse.csr_matrix(
            (np.ones(len(first)), (first, second)), (len(rows), len(rows))
        )
        _, labels = csgraph.connected_components(graph, directed=False)
        groups = [
            tuple(np.flatnonzero(labels == label).tolist())
            for label in dict.fromkeys(labels)
        ]
        expected = [group for group in groups if len(group) > 1]
        assert [cluster.members for cluster in clusters] == expected
    for cluster in clusters:
        same_data = len({data[index] for index in cluster.members}) == 1
        same_pixels = len({pixels[index] for index in cluster.members}) == 1
        assert (cluster.kind == "bytes") == same_data
        assert (cluster.kind == "near") == (not same_pixels)


def test_many_copies_of_a_film_are_not_compared_with_each_other(films):
    # 5,000 copies are 12.5 million pairs; one of each is compared.
    signatures = [duplicates.signature(film) for film in films[:2]] * 5000
    names = list(map(str, range(len(signatures))))
    clusters = duplicates.find_clusters(names, names, signatures)
    assert [cluster.kind for cluster in clusters] == ["near", "near"]
    assert [len(cluster.members) for cluster in clusters] == [5000, 5000]


def test_no_files_have_no_clusters():
    assert not duplicates.find_clusters([], [], [])


def test_every_file_has_all_three():
    with pytest.raises(ValueError, match="1, 2 and 0 elements"):
        duplicates.find_clusters(["a"], ["b", "c"], [])


@image_trees.needs_real_images
def test_real_films_have_no_false_pair():
    def read(path):
        data = path.read_bytes()
        image = Image.open(io.BytesIO(data))
        digest = duplicates.pixel_digest(image)
        return data, digest, duplicates.signature(image)

    folder = image_trees.REAL_IMAGES / "chest_xray" / "train" / "NORMAL"
    paths = sorted(folder.glob("*.jpeg"))
    results = list(parallel.ordered_map(read, paths))
    clusters = duplicates.find_clusters(*map(list, zip(*results)))
    groups = collections.defaultdict(list)
    for index, (data, _, _) in enumerate(results):
        groups[data].append(index)
    expected = [tuple(group) for group in groups.values() if len(group) > 1]
    assert expected
    assert [cluster.members for cluster in clusters] == expected
    assert {cluster.kind for cluster in clusters} == {"bytes"}
