"""The secret key by which patients' identifiers are hashed."""

import hashlib
import os
import pathlib
import secrets
import tempfile
import threading
from typing import Optional

from xray_tfds.source import errors

# Where the key is looked for, and kept once one was made.
VARIABLE = "XRAY_TFDS_HASH_KEY"
_FILE = pathlib.Path("~/.config/xray_tfds/hash_key")


class HashKey:
    """A key that is read when the first patient needs one, and only once.

    What a build writes depends on it, so that all of a build has the same, even
    if the file or the variable changes meanwhile.
    """

    def __init__(self, key: Optional[bytes] = None) -> None:
        """Takes a key of 1 to 64 bytes, or this user's."""
        self._key = key
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple:
        """Lets another process of this user's read the same key."""
        return HashKey, (self._key,)

    def read(self) -> bytes:
        """Returns the key; may be called from any thread."""
        with self._lock:
            if self._key is None:
                self._key = _read_users_key()
            return self._key

    def fingerprint(self) -> str:
        """Tells keys apart, and tells nothing of the key; empty if unread."""
        if self._key is None:
            return ""
        text = b"fingerprint of a hash key"
        return hashlib.blake2b(text, key=self._key, digest_size=8).hexdigest()


def _read_users_key() -> bytes:
    """Returns this user's key, 32 bytes.

    It is made of the environment variable `XRAY_TFDS_HASH_KEY`, else of a
    random one that is kept in `~/.config/xray_tfds/hash_key` once needed.
    """
    if given := os.environ.get(VARIABLE):
        return hashlib.sha256(given.encode()).digest()
    path = _FILE
    try:
        path = _FILE.expanduser()
        if not path.exists():
            _make(path)
        content = path.read_bytes()
    except (OSError, RuntimeError) as error:  # The latter without a home.
        reason = error.strerror if isinstance(error, OSError) else error
        raise errors.SourceError(
            "The key by which patients' identifiers are hashed cannot be kept "
            f"in {path}: {reason}. Set {VARIABLE} to a secret of your own, the "
            "same for every build."
        ) from error
    if not content.strip():
        raise errors.SourceError(
            f"The key by which patients' identifiers are hashed is empty: "
            f"{path}. Restore it, or remove it to make another."
        )
    return hashlib.sha256(content).digest()


def _make(path: pathlib.Path) -> None:
    """Makes a key, whole or not at all, also when others make one too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # With a name of its own for each thread, and for its owner's eyes only.
    descriptor, new = tempfile.mkstemp(dir=path.parent, prefix=".hash_key-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        os.link(new, path)
    except FileExistsError:
        return  # The other's key is as good, and is the one to use.
    finally:
        os.unlink(new)
