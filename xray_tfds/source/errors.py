"""The errors of a build that its user can mend, whoever finds them."""


class SourceError(ValueError):
    """A folder that cannot be turned into a dataset as it is."""


class StorageError(ValueError):
    """Records that the disk does not take, or does not give.

    Attributes:
        status: The exit status of a program that ends with it.
    """

    status = 4
