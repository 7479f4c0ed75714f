"""The films in a request: as a form has them, or as TensorFlow Serving does.

All stays in memory. Starlette's own parser of forms writes what is larger than
a megabyte to a temporary file.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any
from typing import NamedTuple
import urllib.parse

import python_multipart
from python_multipart import exceptions
from python_multipart import multipart

from inference.serving import answers

_HOW = (
    "Send films as files of a form (multipart/form-data), or as JSON: "
    '{"instances": [{"image_bytes": {"b64": "..."}}]}.'
)

# RFC 5987, 3.2.1, in UTF-8.
_EXTENDED_NAME = re.compile(rb";\s*filename\*=utf-8'[^']*'([^;\s]*)", re.I)

# Parts of JSON or of a form beyond the films themselves.
_SPARE_PARTS = 64

# Spaces behind a boundary, of which clients send none.
_MOST_PADDING = 64


class Upload(NamedTuple):
    """A film as it was sent.

    Attributes:
        name: Of the file, without folders; empty if it has none.
        data: Its content.
    """

    name: str
    data: bytes


def parse(content_type: str, body: bytes, max_images: int) -> list[Upload]:
    """Returns the films of a request, at least one.

    Args:
        content_type: Header of the request.
        body: All of it.
        max_images: How many there may be.

    Raises:
        Refused: If there are none, too many, or the form is not one of ours.
    """
    kind, options = multipart.parse_options_header(content_type)
    if kind == b"multipart/form-data":
        uploads = _parse_form(body, options.get(b"boundary", b""), max_images)
    elif kind == b"application/json":
        uploads = _parse_json(body, max_images)
    else:
        raise answers.Refused(415, _HOW)
    if not uploads:
        raise answers.Refused(400, f"The request has no film. {_HOW}")
    return uploads


def too_many(max_images: int) -> answers.Refused:
    """Returns the refusal of more films than a request may have."""
    return answers.Refused(
        413, f"A request may have {max_images} films. Send several requests."
    )


class _Form:
    """Collects the files of a form while it is parsed."""

    def __init__(self, max_images: int) -> None:
        self.uploads: list[Upload] = []
        self._max_images = max_images
        self._num_parts = 0
        self._header = self._value = b""
        self._name: str | None = None
        self._data = bytearray()

    def on_part_begin(self) -> None:
        self._num_parts += 1
        if self._num_parts > self._max_images + _SPARE_PARTS:
            raise too_many(self._max_images)
        self._name, self._data = None, bytearray()

    def on_header_begin(self) -> None:
        self._header = self._value = b""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if self._header.lower() != b"content-disposition":
            return
        _, options = multipart.parse_options_header(self._value)
        # A client that sends bytes in memory may give no name of a file.
        name = "" if options.get(b"name") == b"image_bytes" else None
        if b"filename" in options:
            name = options[b"filename"].decode("utf-8", "replace")
        # Not the standard's (RFC 7578, 4.2), but that of old clients, for names
        # beyond ASCII; the parser knows it in some of its versions alone.
        if found := _EXTENDED_NAME.search(self._value):
            name = urllib.parse.unquote(found[1].decode("latin-1"))
        if name is not None:
            # Slashes of both kinds; a colon may well be part of a name.
            self._name = re.split(r"[/\\]", name)[-1]

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name is not None:
            self._data += data[start:end]

    def on_part_end(self) -> None:
        # A browser sends an empty file for a field that was left empty.
        if self._name is not None and (self._name or self._data):
            self.uploads.append(Upload(self._name, bytes(self._data)))
            if len(self.uploads) > self._max_images:
                raise too_many(self._max_images)


def _parse_form(body: bytes, boundary: bytes, max_images: int) -> list[Upload]:
    form, ended = _Form(max_images), []
    callbacks: Any = {
        name: getattr(form, name)
        for name in dir(form)
        if name.startswith("on_")
    }
    callbacks["on_end"] = lambda: ended.append(True)
    try:
        if not boundary:
            raise exceptions.FormParserError("no boundary")
        _check_delimiters(body, b"\r\n--" + boundary, max_images)
        parser = python_multipart.MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except exceptions.FormParserError as error:
        raise answers.Refused(400, f"The form is damaged. {_HOW}") from error
    if not ended:
        # The last film would be cut off without a word.
        raise answers.Refused(400, f"The form ends early. {_HOW}")
    return form.uploads


def _check_delimiters(body: bytes, delimiter: bytes, max_images: int) -> None:
    """Refuses what would keep the parser busy for half a minute.

    It finds a delimiter in C, but what is behind it byte by byte, in Python: no
    matter whether a part begins there, and how much space there is before.
    """
    if body.count(delimiter) > max_images + _SPARE_PARTS + 1:
        raise too_many(max_images)
    if re.search(re.escape(delimiter) + rb"[ \t]{%d}" % _MOST_PADDING, body):
        raise exceptions.FormParserError("padding without end")


def _parse_json(body: bytes, max_images: int) -> list[Upload]:
    # Three bytes can make an object of a hundred; base64 has none of these.
    num_parts = sum(map(body.count, (b"{", b"[", b",")))
    if num_parts > 4 * max_images + _SPARE_PARTS:
        raise too_many(max_images)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise answers.Refused(400, f"The JSON is damaged. {_HOW}") from error
    instances = content.get("instances") if isinstance(content, dict) else None
    if not isinstance(instances, list):
        raise answers.Refused(400, f"The JSON has no list `instances`. {_HOW}")
    if len(instances) > max_images:
        raise too_many(max_images)
    return [
        Upload("", _decode(instance, place))
        for place, instance in enumerate(instances)
    ]


def _decode(instance: Any, place: int) -> bytes:
    """Returns the bytes of an instance.

    TensorFlow Serving lets the name of a single input be left out.
    """
    value = instance
    if isinstance(value, dict) and "image_bytes" in value:
        value = value["image_bytes"]
    text = value.get("b64") if isinstance(value, dict) else None
    if isinstance(text, str):
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise answers.Refused(
        400,
        f'`instances[{place}]` must be {{"image_bytes": {{"b64": "..."}}}} '
        "with base64.",
    )
