"""A service with a network of our own making, behind a real socket."""

import contextlib
import http.client
import io
import json
import pathlib
import socket
import threading
import time

from PIL import Image
import numpy as np
import uvicorn

from inference import predictor as predictor_lib
from inference.serving import config as config_lib
from inference.serving import connections
from inference.serving import service
import xray_tfds

SIZE = (24, 20)


def darkness(images):
    """Says of each image that it is ill, the more the darker it is."""
    ill = 1 - images.mean(axis=(1, 2, 3), dtype=np.float64) / 255
    return predictor_lib.Outputs(np.stack([1 - ill, ill], axis=1))


def maps(images, classes):
    """Says that what matters is on the left."""
    result = np.zeros(images.shape[:3], np.float32)
    result[:, :, : images.shape[2] // 2] = 1
    return result


def make_predictor(**fields):
    """Returns a predictor that needs no TensorFlow."""
    defaults = {
        "name": "runs/secret-place",
        "sha256": "ab" * 32,
        "class_names": ("well", "ill"),
        "image_shape": (*SIZE, 1),
        "config": xray_tfds.XrayConfig(image_size=SIZE),
        "threshold": 0.5,
        "temperature": 2.0,
        "batch_size": 4,
        "score": darkness,
        "maps": maps,
    }
    return predictor_lib.Predictor(**(defaults | fields))


def film(level=40, size=(60, 50), file_format="PNG"):
    """Returns the file of a grey film that is not constant."""
    pixels = np.full(size[::-1], level, np.uint8)
    pixels[::2] += 2
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, file_format)
    return buffer.getvalue()


def form(files, boundary="of-the-form"):
    """Returns body and content type of a form with files, by their names."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="image_bytes"; '
        f'filename="{name}"\r\nContent-Type: image/png\r\n\r\n'.encode()
        + data
        + b"\r\n"
        for name, data in files
    ]
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


class Service:
    """A service that runs in a thread of this process.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, port):
        """Takes the port."""
        self.port = port

    @property
    def url(self):
        """Of the page."""
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, method, path, body=None, headers=None):
        """Returns status, headers and body of an answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=300
        )
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def predict(self, *files, query="", headers=None):
        """Returns status and content of the answer to a form."""
        body, kind = form(files)
        status, _, content = self.ask(
            "POST",
            f"/v1/predict{query}",
            body,
            {"Content-Type": kind, **(headers or {})},
        )
        return status, json.loads(content)

    def counts(self):
        """Returns name -> value, as text, of what it counts."""
        text = self.ask("GET", "/metrics")[2].decode()
        return dict(
            line.rsplit(" ", 1)
            for line in text.splitlines()
            if not line.startswith("#")
        )


@contextlib.contextmanager
def running(predictor=None, *, check=None, **options):
    """Runs a service for as long as the body of `with` does."""
    config = config_lib.ServeConfig(
        workdir="runs/secret-place", port=0, **options
    )
    app = service.create_app(predictor or make_predictor(), config, check=check)
    with listening(app) as (port, _):
        yield Service(port)


@contextlib.contextmanager
def listening(app, seconds=300):
    """Has an application answer as `server.serve` does; yields port, server.

    Connections over which nothing comes have so many seconds: more than a busy
    machine may need, since a short `timeout` of a service is about others.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=connections.limited(seconds),
            log_level="error",
            access_log=False,
            ws="none",
        )
    )
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [sock]}, daemon=True
        )
        thread.start()
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.005)
        try:
            yield sock.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def write_films(directory, names, level=40):
    """Writes the same film under several names; returns their paths."""
    paths = []
    for number, name in enumerate(names):
        path = pathlib.Path(directory) / name
        path.write_bytes(film(level + 30 * number))
        paths.append(path)
    return paths
