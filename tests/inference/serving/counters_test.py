"""What the service counts, as Prometheus reads it."""

import re

from tests.helpers import services


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
    counts = service.counts()
    buckets = [
        int(value)
        for name, value in counts.items()
        if name.startswith("xray_tfds_serving_batch_size_bucket")
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == int(counts["xray_tfds_serving_batch_size_count"])
    outcome = 'xray_tfds_serving_images_total{outcome="not an image"}'
    assert int(counts[outcome]) >= 1
