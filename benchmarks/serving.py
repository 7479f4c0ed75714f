"""The service under load, against the network alone.

    python benchmarks/serving.py --workdir=RUN [--films_dir=DIR]

Starts `serve.py` and sends it requests over as many connections as
--concurrency says, each waiting for its answer: half of them forms, half of
them JSON, one in ten bad in one of several ways, in an order that is the same
each time. Each answer is looked at: a film's score must be that of
`inference.predictor` to the last bit, and what is bad must be refused as it
should. Prints requests per second, the 50th and the 99th percentile of the time
to an answer, images per second of the network alone and of decoding alone, and
the memory of the service along the way. Ends with 1 if an answer was wrong or
missing.

The films are synthetic unless --films_dir names some. Client and service share
the machine. Needs the extras `serve` and `bench`.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time
from typing import Any
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from absl import app  # noqa: E402
from absl import flags  # noqa: E402
import film_files  # noqa: E402
import numpy as np  # noqa: E402
import psutil  # noqa: E402

from inference import predictor as predictor_lib  # noqa: E402
from xray_tfds import sample  # noqa: E402

_ROOT = pathlib.Path(__file__).parents[1]

_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Directory of a run.", required=True
)
_FILMS_DIR = flags.DEFINE_string("films_dir", None, "Folder with films.")
_REQUESTS = flags.DEFINE_integer("requests", 10_000, "How many.")
_CONCURRENCY = flags.DEFINE_integer(
    "concurrency", 48, "Connections, each with one request at a time."
)
_MOST_FILMS = 64
_LOOKS = 10  # At the memory of the service.


class Request(NamedTuple):
    """What is sent, and what must come back.

    Attributes:
        body: Of the request.
        kind: Its content type.
        status: Of the answer.
        probabilities: Of the film; empty for a bad request.
    """

    body: bytes
    kind: str
    status: int
    probabilities: list[float]


def _form(data: bytes) -> tuple[bytes, str]:
    head = (
        b'--end\r\nContent-Disposition: form-data; name="image_bytes"; '
        b'filename="film"\r\n\r\n'
    )
    return head + data + b"\r\n--end--\r\n", "multipart/form-data; boundary=end"


def _json(data: bytes) -> tuple[bytes, str]:
    encoded = base64.b64encode(data).decode()
    content = {"instances": [{"image_bytes": {"b64": encoded}}]}
    return json.dumps(content).encode(), "application/json"


def _make_requests(
    films: list[bytes], probabilities: list[list[float]]
) -> list[Request]:
    """Returns all requests; nine of ten hold a film."""
    bad = [
        (*_form(films[0][: len(films[0]) // 2]), 422),
        (*_form(b"no film"), 422),
        (*_json(b""), 422),
        (_json(films[0])[0][:-9], "application/json", 400),
        (b'{"instances": 1}', "application/json", 400),
        (_form(films[0])[0][:-30], _form(b"")[1], 400),
        (films[0], "image/jpeg", 415),
    ]
    requests = []
    for number in range(_REQUESTS.value):
        if number % 10 == 9:
            requests.append(Request(*bad[number // 10 % len(bad)], []))
            continue
        place = number % len(films)
        encode = _form if number % 2 else _json
        requests.append(
            Request(*encode(films[place]), 200, probabilities[place])
        )
    return requests


class Load:
    """Requests on their way, and what became of them."""

    def __init__(
        self, requests: list[Request], port: int, process: psutil.Process
    ) -> None:
        """Takes what is to be sent, and where."""
        self._waiting = collections.deque(requests)
        self._total = len(requests)
        self._port = port
        self._process = process
        self.seconds: list[float] = []
        self.wrong: list[str] = []
        self.memory: list[float] = []

    async def run(self) -> float:
        """Sends all; returns how many seconds that took."""
        started = time.perf_counter()
        await asyncio.gather(
            *(self._connect() for _ in range(_CONCURRENCY.value))
        )
        return time.perf_counter() - started

    async def _connect(self) -> None:
        streams = None
        while self._waiting:
            request = self._waiting.popleft()
            if streams is None:
                streams = await asyncio.open_connection("127.0.0.1", self._port)
            started = time.perf_counter()
            status, content, is_last = await _ask(*streams, request)
            self.seconds.append(time.perf_counter() - started)
            self._look(request, status, content)
            if is_last:
                streams[1].close()
                streams = None
        if streams is not None:
            streams[1].close()

    def _look(self, request: Request, status: int, content: Any) -> None:
        found: list[float] = []
        if status == 200:
            [row] = content["predictions"]
            found = list(row["probabilities"].values())
        if (status, found) != (request.status, request.probabilities):
            self.wrong.append(f"{status} {found}, not {request[2:]}")
        step = max(self._total // _LOOKS, 1)
        if len(self.seconds) % step == 0:
            self.memory.append(self._process.memory_info().rss / 2**20)


async def _ask(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    request: Request,
) -> tuple[int, Any, bool]:
    """Returns status and content of an answer, and whether it is the last."""
    writer.write(
        b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: %s\r\n"
        b"Content-Length: %d\r\n\r\n"
        % (request.kind.encode(), len(request.body))
    )
    writer.write(request.body)
    await writer.drain()
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = re.search(r"content-length: (\d+)", head)
    assert length, head
    content = json.loads(await reader.readexactly(int(length[1])))
    return int(head.split()[1]), content, "connection: close" in head


def _measure_alone(
    predictor: predictor_lib.Predictor, films: list[bytes]
) -> list[list[float]]:
    """Prints the rates of decoding and network; returns the probabilities."""
    started = time.perf_counter()
    pixels = np.stack([predictor.prepare(data) for data in films])
    rate = len(films) / (time.perf_counter() - started)
    print(f"decoding alone, one thread   {rate:8.1f} images/s")
    batch = np.resize(pixels, (predictor.batch_size, *pixels.shape[1:]))
    predictor.predict(batch)
    rates = []
    for _ in range(20):
        started = time.perf_counter()
        predictor.predict(batch)
        rates.append(len(batch) / (time.perf_counter() - started))
    print(f"network alone, in batches    {np.median(rates):8.1f} images/s")
    return [
        prediction.probabilities.tolist()
        for prediction in predictor.predict(pixels)
    ]


def _start() -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [
            *(sys.executable, str(_ROOT / "serve.py"), "--port=0"),
            f"--workdir={_WORKDIR.value}",
            f"--queue_size={max(64, _CONCURRENCY.value)}",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r":(\d+)/$", line):
            return process, int(found[1])
    raise RuntimeError("The service did not start.")


def _report(load: Load, seconds: float) -> None:
    half, most = np.percentile(load.seconds, [50, 99]) * 1000
    number = len(load.seconds)
    print(f"requests                     {number / seconds:8.1f} /s")
    print(f"time to an answer, median    {half:8.1f} ms")
    print(f"                   99 %      {most:8.1f} ms")
    memory = " ".join(f"{value:.0f}" for value in load.memory)
    print(f"memory of the service, MiB   {memory}")
    missing = _REQUESTS.value - number
    print(f"{number} answers, {len(load.wrong)} wrong, {missing} missing")
    print("\n".join(load.wrong[:5]))


def main(argv: list[str]) -> int:
    """Measures; returns the exit status."""
    del argv
    predictor = predictor_lib.open_predictor(_WORKDIR.value)
    with tempfile.TemporaryDirectory() as directory:
        if _FILMS_DIR.value is None:
            sample.main([directory])
        paths = film_files.find(_FILMS_DIR.value or directory, _MOST_FILMS)
        films = [path.read_bytes() for path in paths]
    requests = _make_requests(films, _measure_alone(predictor, films))
    process, port = _start()
    try:
        load = Load(requests, port, psutil.Process(process.pid))
        _report(load, asyncio.run(load.run()))
    finally:
        process.terminate()
        process.wait()
    return int(bool(load.wrong) or len(load.seconds) < _REQUESTS.value)


if __name__ == "__main__":
    app.run(main)
