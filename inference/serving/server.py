"""The server, on a socket that is there already."""

from __future__ import annotations

import logging
import math
import socket

from PIL import Image
import numpy as np
import uvicorn

from inference import predictor as predictor_lib
from inference.serving import checking
from inference.serving import config as config_lib
from inference.serving import connections
from inference.serving import pictures
from inference.serving import service

# Connections, beyond which uvicorn itself answers 503.
_MAX_CONNECTIONS = 1000


def serve(
    sock: socket.socket,
    predictor: predictor_lib.Predictor,
    config: config_lib.ServeConfig,
) -> None:
    """Serves until a signal ends it, and then answers what it has begun.

    Args:
        sock: As `sockets.bind` returns it.
        predictor: What is served.
        config: To whom, and how much.
    """
    # It quotes what it cannot read.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    check, note = None, ""
    if config.input_check == "flag":
        check, note = checking.open_check(predictor)
    app = service.create_app(predictor, config, check=check)
    _warm_up(predictor)
    # Who comes between the greeting and the server waits, and is not refused.
    sock.listen()
    print(_greet(sock, predictor, config, note), flush=True)
    uvicorn.Server(
        uvicorn.Config(
            app,
            http=connections.limited(config.timeout),
            access_log=False,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=_MAX_CONNECTIONS,
            # To arrive, and to be answered.
            timeout_graceful_shutdown=math.ceil(2 * config.timeout),
        )
    ).run(sockets=[sock])


def _warm_up(predictor: predictor_lib.Predictor) -> None:
    """Has all loaded, traced and compiled before anyone waits for it."""
    black = np.zeros((1, *predictor.image_shape), np.uint8)
    predictor.predict(black)
    if predictor.maps is not None:
        pictures.show_map(predictor.maps(black, np.zeros(1, np.int64))[0])
    pictures.show_film(Image.new("L", (32, 32)), black[0], predictor.config)


def _greet(
    sock: socket.socket,
    predictor: predictor_lib.Predictor,
    config: config_lib.ServeConfig,
    note: str,
) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    lines = [
        f"Serving {predictor.name}",
        f"  page      http://{host}:{sock.getsockname()[1]}/",
        f"  programs  http://{host}:{sock.getsockname()[1]}/v1/predict",
    ]
    lines += filter(None, (predictor.advice, note))
    if not config_lib.is_loopback(config.host):
        lines.append(
            "Films and token travel unencrypted: have a proxy with TLS before"
            " it on any network that is not yours."
        )
    return "\n".join([*lines, "Ctrl-C ends it."])
