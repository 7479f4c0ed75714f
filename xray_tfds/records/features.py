"""What an example of the records holds."""

from typing import TYPE_CHECKING

import tensorflow_datasets as tfds

if TYPE_CHECKING:
    from xray_tfds import config as config_lib


def make_features(
    config: "config_lib.XrayConfig",
) -> tfds.features.FeaturesDict:
    """Returns the features of the records that an `XrayConfig` asks for."""
    return tfds.features.FeaturesDict(
        {
            "image": tfds.features.Image(
                shape=config.image_shape, encoding_format="png"
            ),
            "label": tfds.features.ClassLabel(names=config.class_names),
            "filename": tfds.features.Text(
                doc="Path relative to the folder of the split."
            ),
            "patient": tfds.features.Text(
                doc=(
                    "Key of the patient; no patient is in two splits "
                    "unless `on_leak` is `allow`."
                )
            ),
        }
    )
