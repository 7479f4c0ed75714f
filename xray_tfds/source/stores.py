"""Kinds of stores, opened by fsspec, and what goes wrong there in words.

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

# Classes of errors that mean that nobody knows who asks. Each store's library
# has its own, and they have no base in common.
_NO_CREDENTIALS = re.compile("Credential|Token|^Profile|^RefreshError")

# What S3 says where a file is not there; nothing if only its listing was asked.
_MISSING = ("", "NoSuchKey", "404")

# What is done with a path -> what its owner has to allow.
_RIGHTS = {
    "read": "list the bucket and read its files",
    "written": "list the bucket, and read, write and delete its files",
}


class Store(NamedTuple):
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
    "s3": Store(
        library="s3fs",
        extra="s3",
        etag="ETag",
        modified="LastModified",
        credentials="AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY; FSSPEC_S3_ANON=true for a public bucket",
        address="AWS_ENDPOINT_URL",
    ),
    "gs": Store(
        library="gcsfs",
        extra="gcs",
        etag="etag",
        modified="updated",
        credentials="GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth "
        "application-default login; FSSPEC_GS_TOKEN=anon for a public bucket",
        address="FSSPEC_GS_ENDPOINT_URL",
    ),
}


def check(path: str) -> None:
    """Raises SourceError unless a path is one in a bucket of a known store."""
    scheme, _, rest = path.partition("://")
    if scheme not in _STORES or not rest.strip("/"):
        known = " or ".join(f"{name}://BUCKET/FOLDER" for name in _STORES)
        raise errors.SourceError(
            f"A path must be one of this machine, or {known}. Received: {path}"
        )


def open_store(path: str) -> tuple[Store, Any]:
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
        if is_missing and done == "read" and code_of(error) in _MISSING:
            raise
        # Not "from error": others' messages may hold what is secret.
        raise errors.SourceError(
            f"{path} cannot be {done}: {_explain(error, path, done)}"
        ) from None


def code_of(error: Exception) -> str:
    """Returns what the server calls an error; empty if it was not asked."""
    response = getattr(error.__cause__, "response", None)  # Of botocore.
    if isinstance(response, dict):
        return str(response.get("Error", {}).get("Code", ""))
    return str(getattr(error, "code", ""))


def _explain(error: Exception, path: str, done: str) -> str:
    """Returns what is wrong, and what to do."""
    code, kind = code_of(error), type(error).__name__
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
        f"{_public(reason) or kind}{in_brackets(code)}. Check the network, "
        f"the bucket's region and the store's address ({store.address})."
    )


def in_brackets(code: str) -> str:
    """Returns a code as a message has it; nothing without one."""
    return f" ({code})" if code else ""


def _public(text: str) -> str:
    """Returns the first line of a message; of addresses, only the host."""
    line = (text.strip().splitlines() or [""])[0].rstrip(". ")
    return re.sub(r"://(?:[^/@\s]*@)?([^/?\s\"']*)[^\s\"']*", r"://\1", line)
