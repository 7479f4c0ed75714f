"""The service as clients see it: over a real socket, with a network of ours."""

import base64
import concurrent.futures
import io
import json
import logging
import os
import re
import socket

from PIL import Image
import numpy as np
import pytest

from inference import predictor as predictor_lib
from tests.helpers import services


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


def test_network_that_returns_no_number_is_told():
    def score(images):
        return predictor_lib.Outputs(np.full((len(images), 2), np.nan))

    with services.running(services.make_predictor(score=score)) as service:
        status, content = service.predict(("a.png", services.film()))
    assert status == 422
    assert "no number" in content["predictions"][0]["error"]


@pytest.mark.parametrize(
    "where",
    [
        "xray_tfds.decode.quality.decode",
        # Reducing a large film takes memory, too.
        "xray_tfds.decode.images.convert_and_resize",
        "inference.serving.uploads.parse",
        "inference.predictor.Predictor.predict",
        "inference.serving.pictures.show_map",
    ],
)
def test_machine_without_memory_is_not_the_films_fault(where, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr(where, fail)
    with services.running() as service:
        status, content = service.predict(
            ("a.png", services.film()), query="?explain=true"
        )
        counts = service.counts()
    assert status == 503 and "memory" in content["error"]
    assert counts['xray_tfds_serving_requests_total{status="503"}'] == "1"


def test_client_that_goes_is_no_defect(caplog):
    with services.running() as service, caplog.at_level(logging.ERROR):
        with socket.create_connection(("127.0.0.1", service.port)) as client:
            client.sendall(
                b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            name = "xray_tfds_serving_images_in_progress"
            while service.counts()[name] != "1":
                pass
        # Those of /metrics are of status 200.
        while not (others := _requests(service.counts()) - {"200"}):
            pass
    assert others == {"499"}
    assert not caplog.text


def _requests(counts):
    name = "xray_tfds_serving_requests_total"
    return set(re.findall(rf'{name}{{status="(\d+)"}}', " ".join(counts)))


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
