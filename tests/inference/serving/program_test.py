"""`serve.py` as a process: what its page and the README show, typed in."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

from inference import predictor as predictor_lib
from tests.helpers import programs
from tests.helpers import trained_runs

_ROOT = pathlib.Path(__file__).parents[3]
_TOKEN = "a-long-secret"
_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(_ROOT)}


def _start(*arguments):
    return subprocess.Popen(
        [sys.executable, _ROOT / "serve.py", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=_ENVIRONMENT,
        start_new_session=True,
    )


def _run(*arguments, program=(_ROOT / "serve.py",)):
    return programs.run(*program, *arguments, check=False)


@pytest.fixture(scope="module")
def served(trained):
    """Root of the run, the process, and the address it greets with."""
    root, _ = trained
    process = _start(f"--workdir={root / 'run'}", "--port=0")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Ctrl-C" in line:
            break
    assert process.poll() is None, process.stderr.read()
    address = re.search(r"http://\S+/(?=\n)", "".join(lines))[0]
    try:
        yield root, process, address
    finally:
        process.kill()
        process.communicate()


def _commands(address):
    """Returns the calls of curl on the page, and those in the README."""
    with urllib.request.urlopen(address) as response:
        page = response.read().decode()
    blocks = re.findall(r'<code class="command">(.*?)</code>', page, re.S)
    shown = [
        re.sub("<.*?>", "", block)
        .replace("&lt;", "<")
        .replace("&#39;", "'")
        .replace("&#34;", '"')
        for block in blocks
    ]
    readme = (_ROOT / "README.md").read_text()
    for block in re.findall(r"```sh\n(.*?)```", readme, re.S):
        joined = re.sub(r"(\\|\|)\n\s*", r"\1 ", block).replace("\\ ", "")
        shown += [line for line in joined.splitlines() if "curl " in line]
    return [
        command.replace("http://localhost:8000/", address) for command in shown
    ]


def test_calls_of_curl_that_are_shown_score_a_film(served, tmp_path):
    root, _, address = served
    film = tmp_path / "film.jpeg"
    trained_runs.write_films(tmp_path, ["film.jpeg"], seed=9)
    predictor = predictor_lib.open_predictor(root / "run")
    pixels = predictor.prepare(film.read_bytes())
    (expected,) = predictor.predict(pixels[np.newaxis])
    commands = _commands(address)
    assert len(commands) >= 2
    for command in commands:
        result = subprocess.run(
            ["sh", "-c", command.replace("curl ", "curl -sS ", 1)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        if "predict" not in command:
            continue
        (row,) = json.loads(result.stdout)["predictions"]
        # Bit for bit what everything else scores.
        assert list(row["probabilities"].values()) == list(
            expected.probabilities
        )
        assert row["decision"] == predictor.class_names[expected.decision]


def test_port_that_is_taken_is_named_before_a_run_is_opened(served):
    _, _, address = served
    port = address.rstrip("/").rpartition(":")[2]
    result = _run("--workdir=nowhere", f"--port={port}")
    assert result.returncode == 2
    assert f"port {port}" in result.stderr and "--port" in result.stderr
    assert "nowhere" not in result.stderr
    assert "Traceback" not in result.stderr


def test_it_is_served_to_this_machine_alone(served):
    _, _, address = served
    port = int(address.rstrip("/").rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        # Another address of this machine is another socket's to have.
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.2", port))


def test_interrupt_ends_it_and_nothing_was_written(served):
    """The last test of this process."""
    root, process, address = served
    damaged = urllib.request.Request(
        f"{address}v1/predict",
        b"Mr Smith",
        {"Content-Type": "multipart/form-data; boundary=x"},
    )
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(damaged)
    before = sorted(path.name for path in (root / "run").iterdir())
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130
    for text in ("Traceback", "film", "multipart", "boundary", "Smith"):
        assert text not in out + err
    # What films look like, learned at the start, and nothing else.
    assert before == sorted(path.name for path in (root / "run").iterdir())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--workdir=nowhere"], "must be the directory of a run"),
        (["--host=0.0.0.0"], "XRAY_TFDS_TOKEN"),
        (["--host=no.such.name.invalid", f"--token={_TOKEN}"], "`host` must"),
        (["--host=192.0.2.1", f"--token={_TOKEN}"], "cannot be listened at"),
        (["--timeout=0"], "`timeout` must"),
        (["--model=nowhere"], "`model` must"),
        (["--workdir", "run", "film.png"], "begin with --"),
    ],
)
def test_bad_option_ends_with_a_sentence(arguments, words):
    result = _run("--port=0", *arguments)
    assert result.returncode == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr and _TOKEN not in result.stderr


@pytest.mark.parametrize("name", ["starlette", "uvicorn", "python_multipart"])
def test_missing_extra_is_named(name):
    program = (
        "import runpy, sys; sys.modules[sys.argv.pop(1)] = None;"
        "sys.argv[0] = 'serve.py';"
        f"runpy.run_path({str(_ROOT / 'serve.py')!r}, run_name='__main__')"
    )
    result = _run(name, "--port=0", program=("-c", program))
    assert result.returncode == 2
    assert f"serve.py: A service needs {name}" in result.stderr
    assert "pip install 'xray-tfds[serve]'" in result.stderr
    assert "Traceback" not in result.stderr


def test_help_names_each_option():
    result = _run("--help")
    assert result.returncode == 0
    for name in ("workdir", "host", "token", "queue_size", "max_megapixels"):
        assert f"--{name}" in result.stdout
