"""What one request may hold, and how long and how many may wait."""

import concurrent.futures
import gc
import itertools
import json
import threading
import time
import weakref

import pytest

from inference import predictor as predictor_lib
from inference.serving import checking
from inference.serving import config as config_lib
from inference.serving import page
from inference.serving import scorer
from tests.helpers import services
import xray_tfds
from xray_tfds import parallel


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
        assert "120x100 pixels; at most 10000 allowed" in content["error"]
        assert service.predict(small)[0] == 200


def test_lower_limit_of_pixels_counts_and_is_shown():
    own = xray_tfds.XrayConfig(
        image_size=services.SIZE, max_image_pixels=2_000_000
    )
    predictor = services.make_predictor(config=own)
    for given, shown in ((50, "2"), (0.5, "0.5")):
        config = config_lib.ServeConfig(workdir="run", max_megapixels=given)
        limited = scorer.limit_pixels(predictor, config.max_pixels)
        assert f"and {shown} megapixels each" in page.render(limited, config)
    with pytest.raises(ValueError, match="`max_megapixels` must not be below"):
        scorer.limit_pixels(predictor, 24 * 20 - 1)


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
        while service.counts()["xray_tfds_serving_images_in_progress"] != "2":
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
        counts = service.counts()
    assert counts["xray_tfds_serving_images_in_progress"] == "0"
    assert counts['xray_tfds_serving_requests_total{status="429"}'] == "1"
    assert counts['xray_tfds_serving_images_total{outcome="scored"}'] == "3"


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


def test_film_is_not_kept_until_it_is_scored(monkeypatch):
    """Of 50 megapixels it takes a thousand times the memory of its file."""
    films, held, go = [], threading.Event(), threading.Event()
    decode = predictor_lib.Predictor.decode

    def decode_noted(self, data):
        decoded = decode(self, data)
        films.append(weakref.ref(decoded.image))
        return decoded

    def score(images):
        held.set()
        assert go.wait(60)
        return services.darkness(images)

    monkeypatch.setattr(predictor_lib.Predictor, "decode", decode_noted)
    with services.running(
        services.make_predictor(score=score), check=checking.Check()
    ) as service, concurrent.futures.ThreadPoolExecutor() as pool:
        asked = pool.submit(
            service.predict,
            *(("a.png", services.film(level)) for level in range(40, 200, 20)),
            query="?explain=true",
        )
        assert held.wait(30)
        deadline = time.monotonic() + 20
        while len(films) < 8 or any(film() is not None for film in films):
            gc.collect()
            assert time.monotonic() < deadline
        go.set()
        status, content = asked.result()
    assert status == 200
    rows = content["predictions"]
    assert len(rows) == 8 and all(row["image"] for row in rows)


def test_films_of_a_request_that_failed_are_not_decoded(monkeypatch):
    number = parallel.num_cores() + 10
    calls, go = itertools.count(), threading.Event()
    decode = predictor_lib.Predictor.decode

    def decode_later(self, data):
        if not next(calls):
            raise RuntimeError
        assert go.wait(30)
        return decode(self, data)

    monkeypatch.setattr(predictor_lib.Predictor, "decode", decode_later)
    film = ("a.png", services.film())
    with services.running(max_images=number, queue_size=number) as service:
        assert service.predict(*[film] * number)[0] == 500
        # Once it has an answer, the others have been given up.
        assert service.ask("GET", "/healthz")[0] == 200
        go.set()
        # Behind all that is still waiting.
        assert service.predict(film)[0] == 200
    # The first, at most one in each thread, and the last.
    assert next(calls) <= 2 + parallel.num_cores()


def test_busy_service_is_not_the_clients_fault(monkeypatch):
    """Nor has it sent slowly what waits for a thread to be parsed."""
    number, go = parallel.num_cores(), threading.Event()
    begun = threading.Semaphore(0)
    decode = predictor_lib.Predictor.decode

    def decode_later(self, data):
        begun.release()
        assert go.wait(30)
        return decode(self, data)

    monkeypatch.setattr(predictor_lib.Predictor, "decode", decode_later)
    film = ("a.png", services.film())
    with services.running(
        timeout=1, max_images=number, queue_size=number + 1
    ) as service, concurrent.futures.ThreadPoolExecutor() as pool:
        first = pool.submit(service.predict, *[film] * number)
        for _ in range(number):
            assert begun.acquire(timeout=20)
        status, content = service.predict(film)
        go.set()
        assert status == 503 and "too long" in content["error"]
        assert first.result()[0] == 503


def test_only_so_many_films_are_decoded_at_once(monkeypatch):
    """As many as there are cores for this process, not in the machine."""
    monkeypatch.setattr(parallel, "num_cores", lambda: 1)
    film = ("a.png", services.film())
    before = set(threading.enumerate())
    with services.running() as service:
        assert service.predict(*[film] * 8)[0] == 200
        added = set(threading.enumerate()) - before
    assert sum(thread.name.startswith("decode") for thread in added) == 1
