"""Serves a trained run or an export: to people a page, to programs an address.

    python serve.py --workdir=runs/RUN
    python serve.py --model=EXPORT

Films that are sent are scored in memory, and not kept. Only this machine is
served, unless --host and a token say otherwise.

Each option is a field of `inference.serving.config.ServeConfig`, the work is
that of `inference.serving`. What is wrong with an option is reported before
TensorFlow loads. The exit status is one of `training.errors`.
"""

from __future__ import annotations

import importlib.util
import sys

from absl import app
from absl import flags
from absl import logging

from inference import model_option
from inference.serving import config as config_lib
from inference.serving import sockets
from training import errors
from training import output
from training.config import flags as flags_lib

_NEEDED = ("starlette", "uvicorn", "python_multipart")


def main(argv: list[str]) -> int:
    """Serves as the flags say; returns the exit status."""
    if len(argv) > 1:
        return _fail(f"Options begin with --. Received: {' '.join(argv[1:])}")
    try:
        given = flags_lib.read_given(flags.FLAGS, config_lib.OPTIONS)
        config = config_lib.make(given)
        _check_installed()
        _serve(config)
    except (ValueError, errors.TrainingError) as error:
        return _fail(error, getattr(error, "status", 2))
    except KeyboardInterrupt:
        return _fail("Interrupted; the service has ended.", status=130)
    return 0


def _check_installed() -> None:
    if missing := [n for n in _NEEDED if importlib.util.find_spec(n) is None]:
        raise ValueError(
            f"A service needs {', '.join(missing)}: "
            "pip install 'xray-tfds[serve]'"
        )


def _serve(config: config_lib.ServeConfig) -> None:
    sock = sockets.bind(config)
    # What takes seconds: a mistyped flag does not wait for it.
    from inference.serving import server

    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.ERROR)
    predictor = model_option.open_predictor(config.model, config.workdir)
    server.serve(sock, predictor, config)


def _parse_flags(argv: list[str]) -> list[str]:
    about = (__doc__ or "").split("\n\nEach option")[0]
    return flags_lib.parse(argv, flags, about=about, groups=config_lib.GROUPS)


def _fail(error: object, status: int = 2) -> int:
    print(f"serve.py: {error}", file=sys.stderr)
    return status


flags_lib.define(flags, config_lib.OPTIONS)

if __name__ == "__main__":
    with output.surviving():
        app.run(main, flags_parser=_parse_flags)
