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

from absl import flags

from console import streams
from inference import model_option
from inference.serving import config as config_lib
from inference.serving import sockets
from training import program

_NEEDED = ("starlette", "uvicorn", "python_multipart")


def main(config: config_lib.ServeConfig, arguments: list[str]) -> int:
    """Serves as the configuration says; returns the exit status."""
    program.refuse_arguments(arguments)
    _check_installed()
    if streams.in_notebook():
        raise ValueError(
            "A service needs a process of its own. In a notebook, put an "
            "exclamation mark before its command: !python serve.py ..."
        )
    sock = sockets.bind(config)
    # What takes seconds.
    from inference.serving import server

    predictor = model_option.open_predictor(
        config.model, config.workdir, config.data_dir
    )
    server.serve(sock, predictor, config)
    return 0


def _check_installed() -> None:
    if missing := [n for n in _NEEDED if importlib.util.find_spec(n) is None]:
        raise ValueError(
            f"A service needs {', '.join(missing)}: "
            "pip install 'xray-tfds[serve]'"
        )


if __name__ == "__main__":
    program.run(
        main,
        config_lib.ServeConfig,
        about=__doc__,
        flags=flags,
        interrupted="Interrupted; the service has ended.",
    )
