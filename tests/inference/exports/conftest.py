"""The package's run, exported in each format."""

import pytest

from tests.helpers import exports


@pytest.fixture(scope="module", params=exports.FORMATS)
def exported(request, trained, tmp_path_factory):
    """A format, and an export of the package's run in it."""
    exports.skip_without(request.param)
    out = tmp_path_factory.mktemp("exports") / request.param
    return request.param, exports.export(trained[0], out, request.param)


@pytest.fixture(scope="module")
def savedmodel(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "savedmodel"
    return exports.export(trained[0], out, "savedmodel")


@pytest.fixture(scope="module")
def keras_export(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("exports") / "keras"
    return exports.export(trained[0], out, "keras")
