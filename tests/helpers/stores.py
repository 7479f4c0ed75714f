"""A server of S3 on this machine, and how it may fail."""

import html
import pathlib
import re
import threading
import urllib.parse
import urllib.request

# What s3fs and botocore read.
VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "kept-to-oneself",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    # botocore's tries are one each, s3fs's as always.
    "AWS_MAX_ATTEMPTS": "1",
}
# moto looks whether there is a signature, and not at it.
_SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/s3/aws4_request"
    ", SignedHeaders=host, Signature=none"
)
SECRETS = (VARIABLES["AWS_ACCESS_KEY_ID"], VARIABLES["AWS_SECRET_ACCESS_KEY"])


class Store:
    """moto's S3 behind a server of its own, in which things go wrong.

    Attributes:
        url: Its address.
        requests: What was asked for, as `GET /bucket/key`.
        fault: Called with such a line before it is answered. Returns a WSGI
            application that answers instead, or `None`.
    """

    def __init__(self):
        from moto import server
        from werkzeug import serving

        class Handler(serving.WSGIRequestHandler):
            def log(self, *_):
                pass

        self._app = server.create_backend_app("s3")
        self._server = serving.make_server(
            "127.0.0.1", 0, self._answer, True, request_handler=Handler
        )
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.requests = []
        self.fault = None
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answer(self, environ, start_response):
        line = f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
        is_ours = "HTTP_X_PAST_FAULTS" in environ
        if not is_ours:
            self.requests.append(line)
        app = None if is_ours or self.fault is None else self.fault(line)
        return (app or self._app)(environ, start_response)

    def call(self, method, path, data=None):
        """Asks for a bucket, or `bucket/key`, past the faults."""
        headers = {
            "Authorization": _SIGNATURE,
            "Content-Type": "application/octet-stream",
            "X-Past-Faults": "yes",
        }
        url = f"{self.url}/{urllib.parse.quote(path)}"
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request) as answer:
            return answer.read()

    def upload(self, folder, bucket):
        """Makes a bucket of what is in a folder; returns its address."""
        self.call("PUT", bucket)
        for path in sorted(pathlib.Path(folder).rglob("*")):
            if path.is_file():
                key = path.relative_to(folder).as_posix()
                self.call("PUT", f"{bucket}/{key}", path.read_bytes())
        return f"s3://{bucket}"

    def contents(self, bucket):
        """Returns the content of each file of a bucket, by its key."""
        listing = self.call("GET", bucket).decode()
        keys = map(html.unescape, re.findall("<Key>(.*?)</Key>", listing))
        return {key: self.call("GET", f"{bucket}/{key}") for key in keys}

    def download(self, bucket, folder):
        """Copies what is in a bucket to a folder."""
        for key, content in self.contents(bucket).items():
            path = pathlib.Path(folder) / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

    def written(self):
        """Returns what was written or removed since it was last asked.

        As `PUT key`, without what is tried at a start.
        """
        changes = [
            re.sub("/[^/]*/", "", line, count=1)
            for line in self.requests
            if not line.startswith(("GET", "HEAD")) and "/." not in line
        ]
        self.requests.clear()
        return changes

    def read(self):
        """Returns the files that were read since it was last asked."""
        read = [r for r in self.requests if r.startswith("GET") and "." in r]
        self.requests.clear()
        return read


def error(status, code):
    """Returns an application that answers with an error of S3."""

    def app(environ, start_response):
        start_response(status, [("Content-Type", "application/xml")])
        return [f"<Error><Code>{code}</Code></Error>".encode()]

    return app


def short(store, promised):
    """Returns an application that gives the first half of what is asked for.

    Args:
        store: The `Store`.
        promised: Whether the answer's header promises all of it.
    """

    def app(environ, start_response):
        data = store.call("GET", environ["PATH_INFO"].lstrip("/"))
        half = data[: len(data) // 2]
        length = len(data) if promised else len(half)
        headers = [("Content-Length", str(length))]
        start_response("206 Partial Content", headers)
        return [half]

    return app
