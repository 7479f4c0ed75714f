"""The service as clients see it: over a real socket, with a network of ours."""

import base64
import concurrent.futures
import io
import json
import logging
import os
import re
import threading

from PIL import Image
import numpy as np
import pytest

from evaluation import feature_distance
from inference import input_check
from inference import predictor as predictor_lib
from inference import reference as reference_lib
from inference.serving import checking
from inference.serving import uploads
from tests.helpers import services

_FIELD = (
    b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--x--\r\n'
)


@pytest.fixture(scope="module")
def service():
    with services.running() as running:
        yield running


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


def _counts(service):
    text = service.ask("GET", "/metrics")[2].decode()
    return dict(
        line.rsplit(" ", 1)
        for line in text.splitlines()
        if not line.startswith("#")
    )


def test_form_is_scored_as_the_predictor_scores_it(service):
    films = [services.film(40), services.film(200)]
    status, content = service.predict(("a.png", films[0]), ("b.png", films[1]))
    assert status == 200
    predictor = services.make_predictor()
    images = np.stack([predictor.prepare(data) for data in films])
    for row, name, expected in zip(
        content["predictions"], "ab", predictor.predict(images)
    ):
        assert row["filename"] == f"{name}.png"
        # The numbers themselves: JSON keeps every bit.
        assert list(row["probabilities"]) == ["well", "ill"]
        assert list(row["probabilities"].values()) == list(
            expected.probabilities
        )
        assert list(row["calibrated"].values()) == list(expected.calibrated)
        assert row["decision"] == ["well", "ill"][expected.decision]
        assert row["error"] is None
    assert [row["decision"] for row in content["predictions"]] == [
        "ill",
        "well",
    ]
    assert content["threshold"] == 0.5
    assert content["temperature"] == 2.0


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


def test_bad_film_is_told_beside_good_ones(service):
    good = services.film()
    status, content = service.predict(
        ("good.png", good), ("bad.png", good[: len(good) // 2])
    )
    assert status == 200
    first, second = content["predictions"]
    assert first["error"] is None
    assert second["error"].startswith("truncated: ")
    assert second["decision"] is second["probabilities"] is None
    assert "error" not in content


def test_request_without_a_good_film_is_an_error(service):
    status, content = service.predict(("notes.txt", b"no film at all"))
    assert status == 422
    assert "not an image" in content["error"]
    assert "not an image" in content["predictions"][0]["error"]


def test_explanation_covers_the_film(service):
    status, content = service.predict(
        ("a.png", services.film(size=(60, 40))), query="?explain=true"
    )
    assert status == 200
    (row,) = content["predictions"]

    def load(url):
        data = base64.b64decode(url.partition(",")[2])
        return Image.open(io.BytesIO(data))

    assert load(row["image"]).size == (60, 40)
    map_ = np.asarray(load(row["map"]))
    assert map_.shape == (*services.SIZE, 4)
    # Opaque where the map is 1, nothing where it is 0.
    assert np.all(map_[:, :10, 3] == 255) and np.all(map_[:, 10:, 3] == 0)


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


def test_unknown_address_and_method_are_told_as_json(service):
    for method, path, status in (
        ("GET", "/nothing", 404),
        ("GET", "/assets/..%2fpage.py", 404),
        ("GET", "/v1/predict", 405),
        ("POST", "/v1/predict?explain=perhaps", 400),
    ):
        found, _, content = service.ask(method, path)
        assert found == status
        assert json.loads(content)["error"].endswith(".")


def test_request_may_have_so_many_bytes_films_and_pixels():
    with services.running(
        max_request_mb=0.05, max_images=2, queue_size=2, max_megapixels=0.01
    ) as service:
        small = ("a.png", services.film())
        assert service.predict(small, small)[0] == 200
        status, content = service.predict(small, small, small)
        assert status == 413 and "2 films" in content["error"]
        large = b"\0" * 60_000
        status, content = service.predict(("a.png", large))
        assert status == 413 and "0.05 MB" in content["error"]
        # Without a length that would tell it beforehand.
        body, kind = services.form([("a.png", large)])
        status, _, _ = service.ask(
            "POST", "/v1/predict", iter([body]), {"Content-Type": kind}
        )
        assert status == 413
        status, content = service.predict(
            ("a.png", services.film(size=(120, 100)))
        )
        assert status == 422
        assert "12000" in content["error"] or "120x100" in content["error"]
        assert service.predict(small)[0] == 200


def test_more_than_can_wait_is_refused_and_nothing_is_lost():
    held, go = threading.Event(), threading.Event()

    def score(images):
        held.set()
        assert go.wait(30)
        return services.darkness(images)

    with services.running(
        services.make_predictor(score=score), max_images=2, queue_size=2
    ) as service, concurrent.futures.ThreadPoolExecutor() as pool:
        film = ("a.png", services.film())
        first = pool.submit(service.predict, film)
        assert held.wait(30)
        second = pool.submit(service.predict, film)
        while _counts(service)["xray_tfds_serving_images_in_progress"] != "2":
            pass
        body, kind = services.form([film])
        status, headers, content = service.ask(
            "POST", "/v1/predict", body, {"Content-Type": kind}
        )
        assert status == 429
        assert int(headers["Retry-After"]) >= 1
        assert "Try again" in json.loads(content)["error"]
        assert service.ask("GET", "/healthz")[0] == 200
        go.set()
        assert first.result()[0] == second.result()[0] == 200
        assert service.predict(film)[0] == 200
        counts = _counts(service)
    assert counts["xray_tfds_serving_images_in_progress"] == "0"
    assert counts['xray_tfds_serving_requests_total{status="429"}'] == "1"
    assert counts['xray_tfds_serving_images_total{outcome="scored"}'] == "3"


def test_each_of_many_gets_its_own_answer(service):
    levels = list(range(20, 220, 8))
    films = [("a.png", services.film(level)) for level in levels]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(service.predict, films))
    for level, (status, content) in zip(levels, answers):
        assert status == 200
        (row,) = content["predictions"]
        assert row["probabilities"]["well"] == pytest.approx(
            (level + 1) / 255, abs=0.005
        )


def test_slow_network_and_slow_client_are_not_waited_for():
    go = threading.Event()

    def score(images):
        assert go.wait(30)
        return services.darkness(images)

    with services.running(
        services.make_predictor(score=score), timeout=0.3
    ) as service:
        status, content = service.predict(("a.png", services.film()))
        assert status == 503 and "too long" in content["error"]
        go.set()
        assert service.predict(("a.png", services.film()))[0] == 200

        body, kind = services.form([("a.png", services.film())])

        def crawl():
            yield body[:100]
            threading.Event().wait(0.6)
            yield body[100:]

        status, _, content = service.ask(
            "POST", "/v1/predict", crawl(), {"Content-Type": kind}
        )
        assert status == 408 and "slowly" in json.loads(content)["error"]


def test_defect_tells_nothing_and_ends_nothing(caplog):
    calls = []

    def score(images):
        calls.append(len(images))
        if len(calls) == 1:
            raise RuntimeError("Mr Smith, /home/smith/film.dcm")
        return services.darkness(images)

    with services.running(services.make_predictor(score=score)) as service:
        film = ("a.png", services.film())
        with caplog.at_level(logging.ERROR):
            body, kind = services.form([film])
            status, headers, content = service.ask(
                "POST", "/v1/predict", body, {"Content-Type": kind}
            )
        assert status == 500
        assert json.loads(content)["error"].endswith(".")
        assert headers["Cache-Control"] == "no-store"
        assert service.predict(film)[0] == 200
    for text in (content.decode(), caplog.text):
        assert "Smith" not in text and "Traceback" not in text
    assert "RuntimeError" in caplog.text


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


def test_answers_hold_no_path(service):
    """Neither ours nor the client's."""
    status, content = service.predict(
        ("C:\\clinic\\Smith\\a.png", services.film())
    )
    assert content["predictions"][0]["filename"] == "a.png"
    for path in ("/", "/metrics", "/healthz", "/nothing"):
        text = service.ask("GET", path)[2].decode()
        assert "secret-place" not in text
        assert os.getcwd() not in text
    assert "secret-place" not in json.dumps(content)


def test_counts_are_what_prometheus_reads(service):
    service.predict(("a.png", services.film()))
    service.predict(("a.png", b"nothing"))
    status, headers, content = service.ask("GET", "/metrics")
    assert status == 200
    assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
    kinds = {}
    for line in content.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            kinds[name] = kind
        elif not line.startswith("# HELP "):
            match = re.fullmatch(
                r'([a-z_]+)(\{[a-z]+="[^"\\]*"\})? ([0-9.e+-]+)', line
            )
            assert match, line
            family = re.sub("_(bucket|sum|count)$", "", match[1])
            assert match[1] in kinds or kinds[family] == "histogram"
    counts = _counts(service)
    buckets = [
        int(value)
        for name, value in counts.items()
        if name.startswith("xray_tfds_serving_batch_size_bucket")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == int(counts["xray_tfds_serving_batch_size_count"])
    outcome = 'xray_tfds_serving_images_total{outcome="not an image"}'
    assert int(counts[outcome]) >= 1


def test_input_check_is_told_and_counted():
    def check(decoded, pixels, prediction):
        assert decoded.width == 60 and pixels.shape == (*services.SIZE, 1)
        assert prediction.decision == 1
        return ("inverted",)

    with services.running(check=check) as service:
        _, content = service.predict(("a.png", services.film()))
        assert content["predictions"][0]["flags"] == ["inverted"]
        counts = _counts(service)
    assert counts['xray_tfds_serving_flags_total{flag="inverted"}'] == "1"


def test_part_that_is_no_file_is_no_film():
    body, kind = services.form([("a.png", b"film")])
    extra = (
        b'--of-the-form\r\nContent-Disposition: form-data; name="x"\r\n\r\n'
        b"value\r\n"
    )
    assert uploads.parse(kind, extra + body, 1) == [
        uploads.Upload("a.png", b"film")
    ]


def test_check_tells_what_it_can(rng):
    def open_reference():
        raise ValueError("the records are gone from /home/smith")

    check, note = checking.open_check(
        services.make_predictor(open_reference=open_reference)
    )
    assert "the records are gone" in note
    predictor = services.make_predictor()
    pixels = rng.integers(0, 255, (40, 200, 3), np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    decoded = predictor.decode(buffer.getvalue())
    prepared = predictor.make_pixels(decoded)
    (prediction,) = predictor.predict(prepared[np.newaxis])
    assert check(decoded, prepared, prediction) == ("colour", "aspect")


@pytest.mark.parametrize(
    ("features", "flags"),
    [(None, ["layout"]), ([[1.1]], ["layout", "unfamiliar"])],
)
def test_film_is_compared_with_those_of_the_training(features, flags):
    def score(images):
        probabilities = np.full((len(images), 2), 0.5)
        shown = features and np.repeat(features, len(images), axis=0)
        return predictor_lib.Outputs(probabilities, shown)

    reference = reference_lib.Reference(
        "",
        feature_distance.Classes(np.zeros((1, 1)), np.eye(1)),
        1.0,
        np.zeros(64),
    )
    predictor = services.make_predictor(
        score=score, open_reference=lambda: reference
    )
    check, note = checking.open_check(predictor)
    assert not note
    with services.running(predictor, check=check) as service:
        status, content = service.predict(("a.png", services.film(level=90)))
    assert status == 200
    # A mean film without contrast correlates with none.
    assert content["predictions"][0]["flags"] == ["near constant", *flags]


def test_each_flag_is_explained():
    assert tuple(checking.MEANINGS) == input_check.FLAGS


def test_network_that_returns_no_number_is_told():
    def score(images):
        return predictor_lib.Outputs(np.full((len(images), 2), np.nan))

    with services.running(services.make_predictor(score=score)) as service:
        status, content = service.predict(("a.png", services.film()))
    assert status == 422
    assert "no number" in content["predictions"][0]["error"]


def test_machine_without_memory_is_not_the_films_fault(monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("xray_tfds.decode.quality.decode", fail)
    with services.running() as service:
        status, content = service.predict(("a.png", services.film()))
    assert status == 503 and "memory" in content["error"]


def test_dicom_is_scored_and_nobody_is_named(service):
    dicom_files = pytest.importorskip("tests.helpers.dicom_files")
    data = dicom_files.written(dicom_files.dataset())
    status, content = service.predict(("a.dcm", data), query="?explain=true")
    assert status == 200
    pixels = services.make_predictor().prepare(data)
    (row,) = content["predictions"]
    assert row["probabilities"]["ill"] == 1 - pixels.mean() / 255
    # A browser shows no DICOM, but what it is sent.
    assert row["image"].startswith("data:image/jpeg;base64,")
    assert not re.search("ID-7|Doe|Jane", json.dumps(content))


def test_service_without_dicom_says_so(monkeypatch):
    def fail(*_, **__):
        raise ImportError("Run: pip install 'xray-tfds[dicom]'")

    monkeypatch.setattr("xray_tfds.decode.quality.decode", fail)
    with services.running() as service:
        status, content = service.predict(("a.dcm", b"DICM"))
    assert status == 422
    assert "without DICOM" in content["error"]
    assert "pip" not in content["error"]
