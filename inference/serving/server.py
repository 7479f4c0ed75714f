"""A socket, and a server on it."""

from __future__ import annotations

import math
import socket

from PIL import Image
import numpy as np
import uvicorn

from inference import predictor as predictor_lib
from inference.serving import config as config_lib
from inference.serving import pictures
from inference.serving import scorer as scorer_lib
from inference.serving import service

# Connections, beyond which uvicorn itself answers 503.
_MAX_CONNECTIONS = 1000


def bind(config: config_lib.ServeConfig) -> socket.socket:
    """Returns a socket that has the address, and does not listen yet.

    Raises:
        ValueError: If the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            config.host, config.port, type=socket.SOCK_STREAM
        )[0]
    except (OSError, UnicodeError) as error:
        raise ValueError(
            "`host` must be an address of this machine. Received: "
            f"host={config.host} ({error})"
        ) from error
    result = socket.socket(family, kind, protocol)
    try:
        result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        result.bind(address)
    except OSError as error:
        result.close()
        raise ValueError(
            f"{config.host} with port {config.port} cannot be had: "
            f"{error.strerror or error}. Name others: --port=PORT (0 for any"
            " that is free), --host=ADDRESS."
        ) from error
    return result


def serve(
    sock: socket.socket,
    predictor: predictor_lib.Predictor,
    config: config_lib.ServeConfig,
    *,
    check: scorer_lib.Check | None = None,
) -> None:
    """Serves until a signal ends it, and then answers what it has begun.

    Args:
        sock: As `bind` returns it.
        predictor: What is served.
        config: To whom, and how much.
        check: The input check.
    """
    app = service.create_app(predictor, config, check=check)
    _warm_up(predictor)
    print(_greet(sock, predictor, config), flush=True)
    uvicorn.Server(
        uvicorn.Config(
            app,
            access_log=False,
            log_level="error",
            server_header=False,
            proxy_headers=False,
            ws="none",
            lifespan="on",
            limit_concurrency=_MAX_CONNECTIONS,
            timeout_graceful_shutdown=math.ceil(config.timeout),
        )
    ).run(sockets=[sock])


def _warm_up(predictor: predictor_lib.Predictor) -> None:
    """Has all loaded, traced and compiled before anyone waits for it."""
    black = np.zeros((1, *predictor.image_shape), np.uint8)
    predictor.predict(black)
    activation_map = None
    if predictor.maps is not None:
        activation_map = predictor.maps(black, np.zeros(1, np.int64))[0]
    pictures.show(
        Image.new("L", (32, 32)), black[0], activation_map, predictor.config
    )


def _greet(
    sock: socket.socket,
    predictor: predictor_lib.Predictor,
    config: config_lib.ServeConfig,
) -> str:
    host = f"[{config.host}]" if ":" in config.host else config.host
    lines = [
        f"Serving {predictor.name}",
        f"  page      http://{host}:{sock.getsockname()[1]}/",
        f"  programs  http://{host}:{sock.getsockname()[1]}/v1/predict",
    ]
    if predictor.note:
        lines.append(predictor.note)
    if not config_lib.is_loopback(config.host):
        lines.append(
            "Films and token travel unencrypted: have a proxy with TLS before"
            " it on any network that is not yours."
        )
    return "\n".join([*lines, "Ctrl-C ends it."])
