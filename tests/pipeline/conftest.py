"""Records in several shards, of either format, and one of both in turn."""

import pytest

from tests.helpers import image_trees

SIZE = (16, 12)
NUM_TRAIN = 41
# Less than the decoded images, and enough for a window of a dozen records.
BUDGET = NUM_TRAIN * SIZE[0] * SIZE[1] - 1


def _build(image_tree, data_dir, **options):
    return image_trees.build_records(image_tree, data_dir, SIZE, 5, **options)


@pytest.fixture(scope="session")
def tfrecord(image_tree, tmp_path_factory):
    return _build(image_tree, tmp_path_factory.mktemp("tfrecord"))


@pytest.fixture(scope="session")
def array_record(image_tree, tmp_path_factory):
    pytest.importorskip("array_record")  # None for Windows.
    return _build(
        image_tree,
        tmp_path_factory.mktemp("array_record"),
        file_format="array_record",
    )


@pytest.fixture(params=["tfrecord", "array_record"])
def builder(request):
    return request.getfixturevalue(request.param)
