"""Who is let in."""

import base64
import json
import socket

import pytest

from inference import model_option
from inference.serving import config as config_lib
from tests.helpers import services
from training.config import options

_TOKEN = "a-long-secret"


@pytest.fixture(scope="module")
def local():
    with services.running(allowed_hosts=("films.example",)) as running:
        yield running


@pytest.fixture(scope="module")
def guarded():
    # Listens on this machine all the same: the socket is the test's.
    with services.running(host="0.0.0.0", token=_TOKEN) as running:
        yield running


def _status(service, path="/", **headers):
    return service.ask("GET", path, headers=headers)[0]


@pytest.mark.parametrize(
    ("host", "is_let_in"),
    [
        ("localhost", True),
        ("LOCALHOST:8000", True),
        ("127.0.0.1:1234", True),
        ("[::1]:80", True),
        ("films.example", True),
        ("evil.example", False),
        ("evil.example:8000", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil@localhost", True),
        ("192.168.1.7", False),
        ("[", False),
        ("", False),
    ],
)
def test_local_service_goes_by_its_own_names(local, host, is_let_in):
    assert _status(local, Host=host) == (200 if is_let_in else 400)


def test_page_elsewhere_may_not_ask(local):
    host = f"127.0.0.1:{local.port}"
    for origin, status in (
        (f"http://{host}", 200),
        ("https://evil.example", 403),
        ("http://localhost.evil.example", 403),
        ("null", 403),
    ):
        assert _status(local, Host=host, Origin=origin) == status
    # A proxy may put its own address for the name that a browser knows.
    for origin, status in (
        ("https://films.example", 200),
        ("https://FILMS.example:8443", 200),
        ("https://films.example.evil.example", 403),
    ):
        assert _status(local, Host=host, Origin=origin) == status
    status, headers, _ = local.ask(
        "OPTIONS", "/v1/predict", headers={"Origin": f"http://{host}"}
    )
    assert status == 405
    assert "Access-Control-Allow-Origin" not in headers


def _basic(text):
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "is_let_in"),
    [
        (f"Bearer {_TOKEN}", True),
        (f"bearer {_TOKEN}", True),
        (_basic(f"anyone:{_TOKEN}"), True),
        (_basic(f":{_TOKEN}"), True),
        (f"Bearer {_TOKEN}x", False),
        (f"Bearer {_TOKEN[:-1]}", False),
        ("Bearer ", False),
        ("Bearer \xe9", False),
        (_basic(_TOKEN), False),
        ("Basic ???", False),
        (_TOKEN, False),
        (None, False),
    ],
)
def test_token_is_demanded_for_all_but_health(
    guarded, authorization, is_let_in
):
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/", "/metrics", "/assets/serve.js", "/nothing"):
        status, answer, content = guarded.ask("GET", path, headers=headers)
        assert (status != 401) == is_let_in
        if not is_let_in:
            # A browser asks its user.
            assert answer["WWW-Authenticate"].startswith("Basic ")
            assert _TOKEN not in json.loads(content)["error"]
    status, _ = guarded.predict(("a.png", services.film()), headers=headers)
    assert status == (200 if is_let_in else 401)
    assert _status(guarded, "/healthz", **headers) == 200


def test_service_for_others_goes_by_any_address(guarded):
    known = {"Authorization": f"Bearer {_TOKEN}"}
    assert _status(guarded, Host="192.168.1.7:8000", **known) == 200
    assert _status(guarded, Host="evil.example", **known) == 400


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/predict", {"Authorization": "Bearer wrong"}, 401),
        ("/v1/predict", {"Origin": "https://evil.example"}, 403),
        ("/v1/predict", {"Host": "evil.example"}, 400),
        ("/v1/predict", {"Content-Type": "image/png"}, 415),
        ("/nothing", {}, 404),
        ("/metrics", {}, 405),
    ],
)
def test_client_that_sends_all_of_a_film_hears_why_not(
    guarded, path, headers, status
):
    """As `urllib` does, which asks for the connection to be closed."""
    known = {"Authorization": f"Bearer {_TOKEN}", "Connection": "close"}
    found, _, content = guarded.ask(
        "POST", path, bytes(20_000_000), known | headers
    )
    assert found == status
    assert json.loads(content)["error"].endswith(".")


def test_client_that_sends_nothing_more_is_answered_all_the_same():
    head = (
        "POST / HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n"
        "Content-Length: 100\r\n{}\r\n"
    )
    with services.running(timeout=0.3) as service:
        for host, more, status in (
            ("localhost", "", b"405"),
            ("evil.example", "", b"400"),
            # It waits to be told to send, and is told not to.
            ("evil.example", "Expect: 100-continue\r\n", b"400"),
        ):
            address = ("127.0.0.1", service.port)
            with socket.create_connection(address) as client:
                client.settimeout(30)
                client.sendall(head.format(host, more).encode())
                assert client.recv(12) == b"HTTP/1.1 " + status


def test_every_answer_is_kept_apart(local):
    for path in ("/", "/nothing", "/metrics", "/assets/serve.css"):
        _, headers, _ = local.ask("GET", path)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "Server" not in headers or headers["Server"] == "uvicorn"


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.168.1.7", "xray.example"]
)
def test_other_addresses_need_a_token(host, monkeypatch):
    monkeypatch.delenv(config_lib.TOKEN_VARIABLE, raising=False)
    given = {"workdir": "run", "host": host}
    with pytest.raises(ValueError, match="--token"):
        options.make(config_lib.ServeConfig, given)
    monkeypatch.setenv(config_lib.TOKEN_VARIABLE, _TOKEN)
    assert options.make(config_lib.ServeConfig, given).token == _TOKEN


def test_name_or_address_may_be_allowed():
    for names in (("films.example", "fd00::1"), ("10.0.0.7",), None):
        config = config_lib.ServeConfig(workdir="run", allowed_hosts=names)
        assert config.allowed_hosts == names


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_this_machine_needs_none(host):
    assert config_lib.ServeConfig(workdir="run", host=host).token is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", "two words"),
        ("token", ""),
        ("port", 65536),
        ("allowed_hosts", ("films.example", "https://films.example")),
        ("allowed_hosts", ("films.example:8443",)),
        ("allowed_hosts", ("*",)),
        ("allowed_hosts", ("[fd00::1]",)),
        ("allowed_hosts", ("f\xedlms.example",)),
        ("timeout", 0),
        ("max_request_mb", -1),
        ("max_images", 0),
        ("queue_size", 1),
    ],
)
def test_wrong_option_is_named(field, value):
    with pytest.raises(ValueError, match=f"`{field}` must") as caught:
        config_lib.ServeConfig(workdir="run", **{field: value})
    assert "two words" not in str(caught.value)


def test_export_is_served_instead_of_a_run(tmp_path):
    config = config_lib.ServeConfig(model=str(tmp_path))
    assert model_option.is_export(config.model)
    config_lib.ServeConfig(workdir="run", model="last")
    with pytest.raises(ValueError, match="--workdir or --model"):
        config_lib.ServeConfig(workdir="run", model=str(tmp_path))
    with pytest.raises(ValueError, match="`model` must be best, last"):
        config_lib.ServeConfig(model=str(tmp_path / "none"))
