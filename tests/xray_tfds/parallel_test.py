"""Work in threads, and modules that are imported while something else runs."""

import gc
import io
import sys
import time

import pytest

from console import streams
from tests.helpers import image_trees
import xray_tfds
from xray_tfds import parallel
from xray_tfds.records import manifest


@pytest.fixture(autouse=True)
def _modules(tmp_path, monkeypatch):
    """Lets modules be imported that note what they see of the collector."""
    code = "import gc\nwas_enabled = gc.isenabled()\n"
    for name in ("slow_to_import_1", "slow_to_import_2"):
        (tmp_path / f"{name}.py").write_text(code)
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "broken_module.py").write_text("import no_such_module")
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("is_enabled", [True, False])
def test_modules_are_there_and_the_collector_is_as_before(is_enabled):
    (gc.enable if is_enabled else gc.disable)()
    try:
        with parallel.importing(["slow_to_import_1", "slow_to_import_2"]):
            pass
        assert gc.isenabled() == is_enabled
    finally:
        gc.enable()
    for name in ("slow_to_import_1", "slow_to_import_2"):
        assert not sys.modules[name].was_enabled


def test_collector_looks_at_nothing_older_and_nothing_imported():
    older = []
    with parallel.collecting_new():
        newer = []
        with parallel.importing(["slow_to_import_1"]):
            pass
        newest = [sys.modules["slow_to_import_1"], newer, older]
        looked_at = {id(each) for each in gc.get_objects()}
    assert id(newest) in looked_at
    assert looked_at.isdisjoint(map(id, newest))
    assert gc.get_freeze_count() == 0


def test_garbage_that_is_made_while_older_objects_rest_is_found():
    with parallel.collecting_new():
        garbage = []
        garbage.append(garbage)
        del garbage
        assert gc.collect() > 0


@pytest.mark.parametrize("by_tfds", [False, True])
def test_collector_looks_at_new_objects_only_during_a_build(
    by_tfds, tmp_path, monkeypatch
):
    images = image_trees.write_flat_tree(tmp_path / "images")
    write, left_out = manifest.write, []

    def note_and_write(*args, **kwargs):
        left_out.append(gc.get_freeze_count())
        write(*args, **kwargs)

    monkeypatch.setattr(manifest, "write", note_and_write)
    gc.unfreeze()  # Whatever another test has left.
    if by_tfds:
        tfds = xray_tfds.preparation.tfds
        config = xray_tfds.XrayConfig(image_size=(32, 24))
        builder = xray_tfds.Builder(data_dir=tmp_path / "data", config=config)
        builder.download_and_prepare(
            download_config=tfds.download.DownloadConfig(manual_dir=images)
        )
    else:
        xray_tfds.prepare(images, tmp_path / "data", image_size=(32, 24))
    assert left_out[0] > 100_000  # TensorFlow's modules are among them.
    assert not gc.get_freeze_count()


def test_module_that_cannot_be_imported_is_named_after_the_body():
    body = []
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        with parallel.importing(["broken_module"]):
            body.append("ran")
    assert body == ["ran"]
    assert gc.isenabled()


def test_error_of_the_body_comes_first():
    with pytest.raises(KeyError, match="body"):
        with parallel.importing(["broken_module"]):
            raise KeyError("body")
    assert gc.isenabled()


def test_no_modules_are_no_work():
    with parallel.importing([]):
        pass
    assert gc.isenabled()


class _Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [_Terminal(), io.StringIO()])
def test_progress_of_short_work_is_shown_on_a_terminal_only(
    stream, monkeypatch
):
    monkeypatch.setattr(sys, "stderr", stream)

    def work(item):
        time.sleep(0.05)
        return -item

    done = parallel.ordered_map(work, range(20), total=20, desc="Working")
    assert list(done) == [-item for item in range(20)]
    assert ("Working" in stream.getvalue()) == stream.isatty()


def test_progress_of_short_work_is_shown_in_a_notebook(monkeypatch):
    monkeypatch.setattr(streams, "in_notebook", lambda: True)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(parallel.ordered_map(time.sleep, [0.05] * 20, desc="Working"))
    assert "Working" in sys.stderr.getvalue()


def test_progress_of_long_work_leaves_a_line_in_a_log(monkeypatch):
    monkeypatch.setattr(parallel, "_LOG_SECONDS", 0.1)
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    list(parallel.ordered_map(time.sleep, [0.05] * 20, desc="Working"))
    assert "Working" in sys.stderr.getvalue()
