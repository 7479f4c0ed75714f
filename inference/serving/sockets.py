"""The socket of the service: had, or refused, before anything else loads."""

from __future__ import annotations

import socket

from inference.serving import config as config_lib


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
            f"{config.host} with port {config.port} cannot be listened at: "
            f"{error.strerror or error}. Name others: --port=PORT (0 for any"
            " that is free), --host=ADDRESS."
        ) from error
    return result
