"""Buckets, for the tests that are run against a server of S3."""

import itertools

import pytest

from tests.helpers import image_trees
from tests.helpers import stores as servers
from xray_tfds.source import stores

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server():
    """A `Store` of all tests, which takes a second to start."""
    pytest.importorskip("moto")
    pytest.importorskip("s3fs")
    with servers.Store() as running:
        yield running


@pytest.fixture
def store(server, monkeypatch):
    """A `Store` whose address and keys are in the environment."""
    for name, value in {
        **servers.VARIABLES,
        "AWS_ENDPOINT_URL": server.url,
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    stores._file_system.cache_clear()
    server.fault = None
    server.requests.clear()
    yield server
    stores._file_system.cache_clear()


@pytest.fixture
def films(tmp_path):
    """A folder of 24 films."""
    return image_trees.write_flat_tree(tmp_path / "films", 12)


@pytest.fixture
def new_bucket(store):
    """The name of a bucket with nothing in it."""
    name = f"bucket-{next(_NUMBERS)}"
    store.call("PUT", name)
    return name


@pytest.fixture
def bucket(store, films):
    """The address of a bucket of its own with these films."""
    return store.upload(films, f"bucket-{next(_NUMBERS)}")
