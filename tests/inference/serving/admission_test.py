"""What one request may hold, and how long and how many may wait."""

import concurrent.futures
import json
import threading

import pytest

from inference.serving import config as config_lib
from inference.serving import page
from inference.serving import scorer
from tests.helpers import services
import xray_tfds


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
