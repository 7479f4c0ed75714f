"""From `ImageDataGenerator` to `pipeline`, in one call for each source."""

from migration.arrays import ArrayFlow
from migration.arrays import flow
from migration.dataframe import DataFrameFlow
from migration.dataframe import flow_from_dataframe
from migration.directory import DirectoryFlow
from migration.directory import flow_from_directory
from migration.listing import Listing
from migration.listing import list_directory

__all__ = [
    "ArrayFlow",
    "DataFrameFlow",
    "DirectoryFlow",
    "Listing",
    "flow",
    "flow_from_dataframe",
    "flow_from_directory",
    "list_directory",
]
