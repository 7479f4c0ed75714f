"""Exports that someone has changed: none is opened, and nothing in it runs."""

import os
import shutil
import zipfile

import h5py
import pytest
import tensorflow as tf

from inference.exports import loading
from tests.helpers import exports
from tests.helpers import keras_files


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-1],
        lambda data: data[: len(data) // 2] + b"x" + data[len(data) // 2 + 1 :],
        lambda data: b"",
    ],
)
def test_changed_file_is_refused(damage, exported, tmp_path):
    format_name, directory = exported
    copy = shutil.copytree(directory, tmp_path / "copy")
    names = {
        "savedmodel": "saved_model.pb",
        "keras": "model.keras",
        "onnx": "model.onnx",
        "litert": "model.tflite",
    }
    path = copy / names[format_name]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="not the file that was exported"):
        loading.open_export(copy)


def test_garbage_with_a_fitting_hash_is_refused(exported, tmp_path):
    format_name, directory = exported
    copy = shutil.copytree(directory, tmp_path / "copy")
    for path in copy.glob("*model*"):
        path.write_bytes(b"garbage" * 100)
    exports.rewrite(copy)
    with pytest.raises(ValueError, match=str(copy)):
        loading.open_export(copy)


def test_lambda_in_a_keras_file_is_refused_and_not_run(keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    ran = tmp_path / "ran"
    keras_files.insert_code(copy / "model.keras", ran)
    exports.rewrite(copy)
    with pytest.raises(ValueError, match="other layers"):
        loading.open_export(copy)
    assert not ran.exists()


def test_other_things_in_a_keras_file_are_refused(keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    with zipfile.ZipFile(copy / "model.keras", "a") as archive:
        archive.writestr("assets/model.pkl", b"cos\nsystem\n")
    exports.rewrite(copy)
    with pytest.raises(ValueError, match="assets/model.pkl"):
        loading.open_export(copy)


def _with_graph_of(module, savedmodel, tmp_path):
    """Returns a copy of an export whose graph is another module's."""
    copy = shutil.copytree(savedmodel, tmp_path / "copy")
    crafted = tmp_path / "crafted"
    tf.saved_model.save(module, str(crafted), signatures=module.serve)
    shutil.copytree(crafted, copy, dirs_exist_ok=True)
    exports.rewrite(copy)
    return copy


def test_graph_that_touches_files_is_refused(savedmodel, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    written = tmp_path / "written"

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, image_bytes):
            tf.io.write_file(str(written), tf.io.read_file(str(secret)))
            return image_bytes

    copy = _with_graph_of(Module(), savedmodel, tmp_path)
    with pytest.raises(ValueError, match="ReadFile, WriteFile"):
        loading.open_export(copy)
    assert not written.exists()


def test_graph_that_calls_python_is_refused(savedmodel, tmp_path):
    """Its function is in this process, where it could be called."""
    ran = []

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, image_bytes):
            return tf.py_function(
                lambda data: ran.append(1) or data, [image_bytes], tf.string
            )

    copy = _with_graph_of(Module(), savedmodel, tmp_path)
    with pytest.raises(ValueError, match="EagerPyFunc"):
        loading.open_export(copy)
    assert not ran


def test_h5_under_the_name_of_a_keras_file_is_refused(keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    with h5py.File(copy / "model.keras", "w") as file:
        file.attrs["model_config"] = '{"class_name": "Lambda"}'
    exports.rewrite(copy)
    with pytest.raises(ValueError, match="model.keras is no file of Keras"):
        loading.open_export(copy)


def test_file_of_any_size_is_not_read(keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    # Sparse: it takes no room.
    os.truncate(copy / "model.keras", 2**40)
    with pytest.raises(ValueError, match=f"it has {2**40} bytes"):
        loading.open_export(copy)


def test_graph_that_saves_weights_when_called_is_refused(savedmodel, tmp_path):
    """What writes weights could write anything else."""

    class Module(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, image_bytes):
            tf.raw_ops.SaveV2(
                prefix=str(tmp_path / "written"),
                tensor_names=["a"],
                shape_and_slices=[""],
                tensors=[tf.constant(1)],
            )
            return image_bytes

    copy = _with_graph_of(Module(), savedmodel, tmp_path)
    with pytest.raises(ValueError, match="operations that no export has"):
        loading.open_export(copy)
    assert not list(tmp_path.glob("written*"))


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda c: c.update(schema=2), "schema"),
        (lambda c: c.update(format="pickle"), "pickle"),
        (lambda c: c.update(files={"../run.json": "0"}), "run.json"),
        (lambda c: c.update(files={"/etc/passwd": "0"}), "passwd"),
        (lambda c: c.update(self_test=[]), "no self-test"),
        (lambda c: c["self_test"][0].update(file="/etc/hostname"), "hostname"),
        (lambda c: c["self_test"][0].update(file="../a"), "not opened"),
        (lambda c: c.update(batch_size=10**12), "batch_size"),
        (lambda c: c["decision"].update(threshold=7), "7.0 is not between"),
        (lambda c: c["decision"].update(temperature=0), "0.0 is not between"),
        (lambda c: c["decision"].update(rule="best"), "threshold='best'"),
        (lambda c: c["preparation"].pop("harmonize"), "harmonize"),
        (lambda c: c.update(image_shape=[32, 32, 1]), "contradicts itself"),
        (lambda c: c["model"].pop("sha256"), "sha256"),
        (lambda c: c["model"].pop("rescale"), "rescale"),
        (lambda c: c["model"].update(rescale="x"), "to float: 'x'"),
        (lambda c: c["model"].update(precision=16), "lesson.*16"),
        (lambda c: c["model"].update(members=[]), "members"),
        (lambda c: c["model"].update(members=["a"]), "damaged"),
    ],
)
def test_damaged_manifest_is_named(change, message, keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    exports.rewrite(copy, change)
    with pytest.raises(ValueError, match=message):
        loading.open_export(copy)


def test_link_to_another_file_is_refused(keras_export, tmp_path):
    copy = shutil.copytree(keras_export, tmp_path / "copy")
    (copy / "model.keras").rename(tmp_path / "model.keras")
    (copy / "model.keras").symlink_to(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="no plain file"):
        loading.open_export(copy)


def test_export_that_says_something_else_here_is_refused(
    keras_export, tmp_path
):
    copy = shutil.copytree(keras_export, tmp_path / "copy")

    def change(content):
        probabilities = content["self_test"][0]["probabilities"]
        content["self_test"][0]["probabilities"] = [
            1 - p if abs(p - 0.5) > 0.01 else 0.0 for p in probabilities
        ]

    exports.rewrite(copy, change)
    with pytest.raises(ValueError, match="does not work on this machine"):
        loading.open_export(copy)


def test_directory_without_manifest_is_no_export(tmp_path):
    with pytest.raises(ValueError, match="holds no manifest.json"):
        loading.open_export(tmp_path)
