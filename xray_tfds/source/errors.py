"""The errors of a build that its user can mend, whoever finds them."""

import json


def spell_option(name: str, value: object) -> str:
    """Returns an option of a build as it stands on the command lines."""
    config = json.dumps({name: value}, ensure_ascii=False)
    return (
        f"--builder_config='{config}' of train.py, --config='{config}' of tfds "
        "build"
    )


class SourceError(ValueError):
    """A folder that cannot be turned into a dataset as it is.

    Attributes:
        problem: What is wrong.
        remedy: The options of a build that mend it; empty where `problem` says
            what to do.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem} {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class StorageError(ValueError):
    """Records that the disk does not take, or does not give.

    Attributes:
        status: The exit status of a program that ends with it.
    """

    status = 4
