"""From `ImageDataGenerator` to `pipeline`, in one call."""

from migration.directory import DirectoryFlow
from migration.directory import flow_from_directory
from migration.listing import Listing
from migration.listing import list_directory
