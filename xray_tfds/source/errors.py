"""The error of a source folder, whoever finds what is wrong with it."""


class SourceError(ValueError):
    """A folder that cannot be turned into a dataset as it is."""
