"""Folders in buckets, `s3://BUCKET/FOLDER`, as fsspec lists and reads them.

What is written there is `xray_tfds.records.destinations`'s.

Time-outs, and retries with growing pauses, are those of the store's own
library, and so are the variables that set them and the credentials
(docs/guides/buckets.md). What remains wrong is a `SourceError`: a file that the
network does not give is not taken for a damaged one.
"""

from __future__ import annotations

from collections.abc import Iterator
import contextlib
import functools
import os
import re
from typing import Any
from typing import NamedTuple

from xray_tfds.source import errors

# How often a file is asked for whose answer has another length than its
# listing says. One that breaks off is asked for again by the library.
_MAX_READS = 3

# Classes of errors that mean that nobody knows who asks. Each store's library
# has its own, and they have no base in common.
_NO_CREDENTIALS = re.compile("Credential|Token|^Profile|^RefreshError")

# What s3fs takes for the end of a key, and the beginning of a version.
_VERSION = "?versionId="

# What S3 says where a file is not there; nothing if only its listing was asked.
_MISSING = ("", "NoSuchKey", "404")

# What is done with a path -> what its owner has to allow.
_RIGHTS = {
    "read": "list the bucket and read its files",
    "written": "list the bucket, and read, write and delete its files",
}


class _Store(NamedTuple):
    """A kind of store.

    Attributes:
        library: Imported by fsspec.
        extra: Of this package, that installs it.
        etag: What its listings call the name of a content.
        modified: What they call the time of the last change.
        credentials: How they are given.
        address: The variable with that of another server.
    """

    library: str
    extra: str
    etag: str
    modified: str
    credentials: str
    address: str


_STORES = {
    "s3": _Store(
        library="s3fs",
        extra="s3",
        etag="ETag",
        modified="LastModified",
        credentials="AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY; FSSPEC_S3_ANON=true for a public bucket",
        address="AWS_ENDPOINT_URL",
    ),
    "gs": _Store(
        library="gcsfs",
        extra="gcs",
        etag="etag",
        modified="updated",
        credentials="GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth "
        "application-default login; FSSPEC_GS_TOKEN=anon for a public bucket",
        address="FSSPEC_GS_ENDPOINT_URL",
    ),
}


class Object(NamedTuple):
    """What a store says of a file or a folder.

    Attributes:
        name: Within its folder.
        is_folder: Whether others lie below it.
        size: In bytes.
        modified: When it was last written, as the store has it.
        etag: The store's name for its content.
    """

    name: str
    is_folder: bool
    size: int = 0
    modified: str = ""
    etag: str = ""


def check(path: str) -> None:
    """Raises SourceError unless a path is one in a bucket of a known store."""
    scheme, _, rest = path.partition("://")
    if scheme not in _STORES or not rest.strip("/"):
        known = " or ".join(f"{name}://BUCKET/FOLDER" for name in _STORES)
        raise errors.SourceError(
            f"A path must be one of this machine, or {known}. Received: {path}"
        )


def list_folder(path: str) -> list[Object]:
    """Returns what is in a folder.

    Raises:
        SourceError: If there is none, or the store does not list it.
    """
    store, files = open_store(path)
    try:
        with translating(path):
            found = files.ls(path, detail=True)
    except FileNotFoundError as error:
        raise errors.SourceError(
            "The image folder must be one with files. Check its name and the "
            f"store's address ({store.address}). Received: {path}, where there "
            f"are none{_in_brackets(_code(error))}"
        ) from None
    start = len(path.partition("://")[2].rstrip("/")) + 1
    objects = [_describe(store, info["name"][start:], info) for info in found]
    for each in objects:
        # Of a key with two slashes; a file without a name marks the folder.
        if each.is_folder and not each.name:
            raise errors.SourceError(
                f"A folder without a name in {path}: rename what lies in "
                f"{path}//"
            )
        if _VERSION in each.name:
            raise errors.SourceError(
                f"{path} has a name with {_VERSION} in it, which is not read "
                f"as it is: rename {path}/{each.name}"
            )
    named = [each for each in objects if each.name]
    if len(named) < len(objects) and not named and objects[0].size:
        raise errors.SourceError(
            f"The image folder must be a folder. Received: {path}, a file"
        )
    return named


def find(path: str) -> Object:
    """Returns what a store says of one file.

    Raises:
        FileNotFoundError: If it is not there.
        SourceError: If the store does not say.
    """
    store, files = open_store(path)
    with translating(path):
        info = files.info(path)
    return _describe(store, os.path.basename(path), info)


def read(path: str, size: int, head: int) -> bytes:
    """Returns the first bytes of a file.

    Args:
        path: Of the file.
        size: Its bytes, as the store has said.
        head: Most bytes to read.

    Raises:
        FileNotFoundError: If it is gone.
        SourceError: If the store does not give them.
    """
    _, files = open_store(path)
    expected = min(size, head)
    if not expected:
        return b""  # A range of it would be an error.
    # One more shows whether it has grown. And with a range s3fs does not ask
    # for the size again, before each file.
    end = min(size + 1, head)
    for _ in range(_MAX_READS):
        with translating(path):
            data = files.cat_file(path, start=0, end=end)
        if len(data) == expected:
            return data
    raise errors.SourceError(
        f"{path} cannot be read: {len(data)} bytes came {_MAX_READS} times, of "
        f"{expected} that it was listed with. It has changed, or answers are "
        "cut short on their way. Run the same command again."
    )


def _describe(store: _Store, name: str, info: dict[str, Any]) -> Object:
    if info["type"] == "directory":
        return Object(name, is_folder=True)
    return Object(
        name,
        is_folder=False,
        size=info["size"],
        modified=str(info[store.modified]),
        etag=info[store.etag],
    )


def open_store(path: str) -> tuple[_Store, Any]:
    """Returns the kind of store that a path is in, and its file system."""
    check(path)
    scheme = path.partition("://")[0]
    store = _STORES[scheme]
    try:
        with translating(path):
            # Of its process: a fork would share connections with its parent.
            return store, _file_system(scheme, os.getpid())
    except ImportError:
        raise errors.SourceError(
            f"{path} is read by {store.library}. Run: pip install "
            f"'xray-tfds[{store.extra}]'"
        ) from None


@functools.lru_cache(maxsize=None)
def _file_system(scheme: str, process: int) -> Any:
    del process  # Tells file systems apart.
    import fsspec  # Slow to import, and rarely needed.

    # Listings are taken anew by each search. Its own cache has a file system,
    # and so connections, for each thread.
    return fsspec.filesystem(
        scheme, use_listings_cache=False, skip_instance_cache=True
    )


@contextlib.contextmanager
def translating(path: str, done: str = "read") -> Iterator[None]:
    """Turns what a store's library raises into a `SourceError`.

    Args:
        path: Which the error is about.
        done: What is done with it: "read" or "written".

    Raises:
        FileNotFoundError: If the bucket is there, and a file to read is not.
    """
    try:
        yield
    except (ImportError, MemoryError):
        raise
    except Exception as error:
        # Each library has classes of its own, without a base in common.
        is_missing = isinstance(error, FileNotFoundError)
        if is_missing and done == "read" and _code(error) in _MISSING:
            raise
        # Not "from error": others' messages may hold what is secret.
        raise errors.SourceError(
            f"{path} cannot be {done}: {_explain(error, path, done)}"
        ) from None


def _code(error: Exception) -> str:
    """Returns what the server calls an error; empty if it was not asked."""
    response = getattr(error.__cause__, "response", None)  # Of botocore.
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", ""))


def _explain(error: Exception, path: str, done: str) -> str:
    """Returns what is wrong, and what to do."""
    code, kind = _code(error), type(error).__name__
    store = _STORES[path.partition("://")[0]]
    is_missing = isinstance(error, FileNotFoundError)
    # A file that is to be written need not be there.
    if code == "NoSuchBucket" or (is_missing and done == "written"):
        return (
            "there is no such bucket. Check its name and the store's address "
            f"({store.address})."
        )
    if _NO_CREDENTIALS.search(kind):
        return f"no credentials ({kind}). Set {store.credentials}."
    if isinstance(error, PermissionError):
        return (
            f"access is denied ({code or kind}). Use credentials that may "
            f"{_RIGHTS[done]}: {store.credentials}."
        )
    if "Timeout" in kind or code == "RequestTimeout":
        return (
            f"no answer in time ({kind}), after several tries. Check the "
            "network, and run the same command again."
        )
    reason = getattr(error, "strerror", None) or str(error)
    return (
        f"{_public(reason) or kind}{_in_brackets(code)}. Check the network, "
        f"the bucket's region and the store's address ({store.address})."
    )


def _in_brackets(code: str) -> str:
    return f" ({code})" if code else ""


def _public(text: str) -> str:
    """Returns the first line of a message; of addresses, only the host."""
    line = (text.strip().splitlines() or [""])[0].rstrip(". ")
    return re.sub(r"://(?:[^/@\s]*@)?([^/?\s\"']*)[^\s\"']*", r"://\1", line)
