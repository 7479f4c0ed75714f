"""Requests in all their forms, whole and damaged."""

import base64
import io
import json
import re

from PIL import Image
import numpy as np
import pytest

from inference.serving import answers
from inference.serving import uploads
from tests.helpers import services

_FIELD = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--x--\r\n'
)


def _json(*films):
    return json.dumps(
        {
            "instances": [
                {"image_bytes": {"b64": base64.b64encode(data).decode()}}
                for data in films
            ]
        }
    )


def _ask_json(service, body):
    status, _, content = service.ask(
        "POST", "/v1/predict", body, {"Content-Type": "application/json"}
    )
    return status, json.loads(content)


def test_json_of_tensorflow_serving_is_scored_alike(service):
    films = [services.film(level) for level in (30, 90, 220)]
    _, form = service.predict(*(("x.png", film) for film in films))
    status, content = _ask_json(service, _json(*films))
    assert status == 200
    for one, other in zip(content["predictions"], form["predictions"]):
        assert one | {"filename": "x.png"} == other
    # A single input needs no name.
    short = {"instances": [{"b64": base64.b64encode(films[0]).decode()}]}
    _, other = _ask_json(service, json.dumps(short))
    assert other["predictions"] == content["predictions"][:1]


@pytest.mark.parametrize(
    ("body", "kind", "status", "words"),
    [
        (b"{", "application/json", 400, "damaged"),
        (b"\xff", "application/json", 400, "damaged"),
        (b"[" * 60, "application/json", 400, "damaged"),
        (b"[" * 100_000, "application/json", 413, "films"),
        (b"[]", "application/json", 400, "instances"),
        (b'{"instances": {}}', "application/json", 400, "instances"),
        (b'{"instances": []}', "application/json", 400, "no film"),
        (b'{"instances": [{"b64": "?"}]}', "application/json", 400, r"\[0\]"),
        (b'{"instances": [{"b64": 1}]}', "application/json", 400, r"\[0\]"),
        (b'{"instances": ["QUJD"]}', "application/json", 400, r"\[0\]"),
        (_FIELD, "multipart/form-data; boundary=x", 400, "no film"),
        (b"nothing", "multipart/form-data; boundary=x", 400, "damaged"),
        (b"nothing", "multipart/form-data", 400, "damaged"),
        (b"film", "image/png", 415, "multipart"),
        (b"", "", 415, "multipart"),
    ],
)
def test_damaged_request_is_told_in_a_sentence(
    service, body, kind, status, words
):
    headers = {"Content-Type": kind} if kind else {}
    found, _, content = service.ask("POST", "/v1/predict", body, headers)
    assert found == status
    assert re.search(words, json.loads(content)["error"])


def test_form_that_ends_early_is_refused(service):
    body, kind = services.form([("a.png", services.film())])
    status, _, content = service.ask(
        "POST", "/v1/predict", body[:-40], {"Content-Type": kind}
    )
    assert status == 400
    assert "ends early" in json.loads(content)["error"]


def test_part_that_is_no_file_is_no_film():
    body, kind = services.form([("a.png", b"film")])
    extra = (
        b'--of-the-form\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
        b"value\r\n"
    )
    assert uploads.parse(kind, extra + body, 1) == [
        uploads.Upload("a.png", b"film")
    ]


def test_nothing_is_written_to_disk(monkeypatch, rng):
    """Starlette's own parser of forms spools what is larger than 1 MB."""
    opened = []
    monkeypatch.setattr(
        "tempfile.TemporaryFile", lambda *args, **kwargs: opened.append(args)
    )
    pixels = rng.integers(0, 255, (1600, 1600), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    with services.running() as service:
        status, _ = service.predict(("a.bmp", buffer.getvalue()))
    assert status == 200
    assert not opened


def test_film_without_a_plain_name_is_one():
    """Else it would be left out of the answer, without a word."""
    disposition = b'\r\nContent-Disposition: form-data; name="image_bytes"; '
    body = (
        b"--x"
        + disposition
        + b'filename="a.png"\r\n\r\nfirst\r\n--x'
        + disposition
        + b"filename*=utf-8''th%C3%B6rax.png\r\n\r\nsecond\r\n--x"
        + disposition
        + b"filename=\"=?utf-8?B?w7Y=?=\"; filename*=UTF-8'de'%C3%B6.png\r\n"
        + b"\r\nthird\r\n--x"
        + disposition
        + b"\r\n\r\nfourth\r\n--x--\r\n"
    )
    found = uploads.parse("multipart/form-data; boundary=x", body, 4)
    assert found == [
        ("a.png", b"first"),
        ("th\xf6rax.png", b"second"),
        ("\xf6.png", b"third"),
        ("", b"fourth"),
    ]


def test_what_takes_the_parser_long_is_refused():
    """Half a minute, for 64 MB of any: it steps through them in Python."""
    start = (
        b'--x\r\nContent-Disposition: form-data; name="image_bytes"\r\n\r\n'
    )
    kind, end = "multipart/form-data; boundary=x", b"\r\n--x--\r\n"
    assert len(uploads.parse(kind, start + b"\r\n--xy" * 60 + end, 1)) == 1
    with pytest.raises(answers.Refused) as refused:
        uploads.parse(kind, start + b"\r\n--xy" * 10_000 + end, 1)
    assert refused.value.status == 413
    padded = start + b"film\r\n--x" + b" \t" * 10 + b"\r\n\r\n" + end
    # Padding is part of the film to some versions of the parser.
    assert len(uploads.parse(kind, padded, 1)) == 1
    for endless in (
        padded.replace(b" \t", b" \t" * 100),
        padded.replace(b"\r\n", b"\r\nA: " + b"a" * 10_000 + b"\r\n", 1),
        padded.replace(b"\r\n", b"\r\n" + b"A: b\r\n" * 1000, 1),
    ):
        with pytest.raises(answers.Refused) as refused:
            uploads.parse(kind, endless, 1)
        assert refused.value.status == 400


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("C:\\clinic\\1.png", "1.png"),
        ("/clinic/1.png", "1.png"),
        ("clinic\\a/1.png", "1.png"),
        # Two films of one request, otherwise of one name.
        ("1:7.png", "1:7.png"),
        ("2:7.png", "2:7.png"),
    ],
)
def test_name_is_that_of_the_file(given, name):
    body, kind = services.form([(given, b"film")])
    assert uploads.parse(kind, body, 1) == [(name, b"film")]
