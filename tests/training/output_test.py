"""Programs whose standard output or error is gone."""

import os
import pathlib
import subprocess
import sys

import pytest

from training import errors

ROOT = pathlib.Path(__file__).parents[2]

PROGRAM = """
import os, sys
from training import output

with output.surviving():
    print("one")
    sys.stdout.flush()
    for number in range(10_000):
        print("a line that fills the buffer of a pipe", number)
        print("and an error", number, file=sys.stderr)
    with open(sys.argv[1], "w") as file:
        file.write(f"done {file.fileno()}")
    sys.exit(int(sys.argv[2]))
"""


def run(redirection, path, status=0):
    command = '"$0" -c "$1" "$2" "$3" ' + redirection
    arguments = [sys.executable, PROGRAM, str(path), str(status)]
    return subprocess.run(
        ["bash", "-c", f"{command}; echo $? >> $2", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    "redirection, status, expected",
    [
        ("2>/dev/null", 0, 0),
        ("2>/dev/null >/dev/full", 0, errors.OUTPUT_LOST_STATUS),
        # What has failed by itself keeps its status.
        ("2>/dev/null >/dev/full", 4, 4),
        # Whoever closes a stream wants nothing from it.
        (">&-", 0, 0),
        ("2>&-", 0, 0),
        (">&- 2>&- <&-", 0, 0),
        ("2>/dev/full", 0, 0),
    ],
)
def test_program_lives_on_and_its_status_says_what_was_lost(
    redirection, status, expected, tmp_path
):
    run(redirection, tmp_path / "file", status)
    text = (tmp_path / "file").read_text()
    # No file has the number of a standard stream.
    assert text.startswith("done ") and text[5] not in "012"
    assert text[6:].split() == [str(expected)]


def test_reader_that_has_seen_enough_ends_nothing(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "file"), "0"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"one\n"
        process.stdout.close()
        told = process.stderr.read()
        process.stderr.close()
        assert process.wait() == errors.OUTPUT_LOST_STATUS
    assert (tmp_path / "file").exists()
    assert b"Exception" not in told and b"Standard output" not in told


def test_name_that_no_encoding_has_is_escaped(tmp_path):
    name = os.fsdecode(b"film-\xff.png")
    program = (
        "from training import output\n"
        "with output.surviving():\n"
        f"    print({name!r})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
    )
    assert done.stdout == b"film-\\udcff.png\n"
    assert done.returncode == 0


@pytest.mark.slow
def test_training_without_output_saves_all_and_says_so(image_tree, tmp_path):
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [
                sys.executable,
                "train.py",
                f"--images_dir={image_tree}",
                f"--data_dir={tmp_path / 'records'}",
                "--image_size=64",
                f"--workdir={tmp_path / 'run'}",
                "--epochs=2",
                "--nojit_compile",
            ],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == errors.OUTPUT_LOST_STATUS, done.stderr
    assert "No space left on device" in done.stderr
    assert (
        len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 2
    )
    assert (tmp_path / "run" / "model.keras").exists()
