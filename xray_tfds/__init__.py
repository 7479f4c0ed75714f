"""Data at rest: folders of chest X-rays -> checked, grouped TFRecords.

Importing the package registers the dataset, for `tfds.load("xray_tfds")`.
"""

from xray_tfds import tfds_command
from xray_tfds.config import XrayConfig
from xray_tfds.decode import quality
from xray_tfds.preparation import prepare
from xray_tfds.xray_tfds_dataset_builder import Builder

__all__ = ["Builder", "XrayConfig", "prepare", "quality"]

tfds_command.amend(Builder)
