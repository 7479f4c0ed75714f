"""From `ImageDataGenerator` to `pipeline`, in one call."""

from migration.directory import flow_from_directory
from migration.flow import DirectoryFlow
from migration.listing import Listing
from migration.listing import list_directory

__all__ = [
    "DirectoryFlow",
    "Listing",
    "flow_from_directory",
    "list_directory",
]
