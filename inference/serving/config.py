"""What is served, to whom, and how much it may cost."""

import dataclasses
import ipaddress
import os
import re
from typing import Any
from typing import Literal

from inference import model_option
from pipeline import checks
from pipeline import options

RUN = options.Group("What is served", scope="process")
ACCESS = options.Group("To whom", scope="process")
LIMITS = options.Group("How much", scope="process")

# Not on the command line, where other users of the machine can read it.
TOKEN_VARIABLE = "XRAY_TFDS_TOKEN"

_MEGA = 10**6


def _check_token(name: str, value: Any) -> str:
    if not re.fullmatch("[!-~]+", str(value)):
        # What was received stays a secret.
        raise ValueError(
            f"`{name}` must be letters, digits and signs of ASCII, without "
            f"spaces. Look at --{name} or ${TOKEN_VARIABLE}."
        )
    return str(value)


def _check_hosts(name: str, value: Any) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else tuple(value)
    for each in map(str, values):
        # Of a request, too, the name alone is compared.
        if not re.fullmatch("[A-Za-z0-9._-]+", each) and not _is_address(each):
            raise ValueError(
                f"`{name}` must be names or addresses, such as films.example, "
                "each written out, without scheme and port. Received: "
                f"{name}={each}"
            )
    return tuple(map(str, values))


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Whether only this machine itself reaches an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        # A name, which may mean any address tomorrow.
        return False


@options.documented
@dataclasses.dataclass(frozen=True)
class ServeConfig:
    """What `serve.py` does."""

    workdir: str | None = RUN.option(
        None,
        "Directory of a run. If left out, the run under runs/ that was "
        "trained last.",
        kind="path",
    )
    model: str = RUN.option("best", model_option.HELP, check=model_option.check)
    data_dir: str | None = RUN.option(
        None, model_option.DATA_DIR_HELP, kind="path"
    )
    input_check: Literal["flag", "off"] = RUN.option(
        "flag",
        "Whether films are flagged that are unlike those the network knows.",
    )
    host: str = ACCESS.option(
        "127.0.0.1",
        "Address to listen on; with any but this machine's own, a token is "
        "demanded.",
    )
    port: int = ACCESS.option(
        8000, "0 for any that is free.", check=checks.integer(0, 65535)
    )
    token: str | None = ACCESS.option(
        None,
        "What a client must know, as bearer token or as password in a "
        f"browser; better given as ${TOKEN_VARIABLE}.",
        check=checks.optional(_check_token),
    )
    allowed_hosts: tuple[str, ...] | None = ACCESS.option(
        None,
        "Names under which the service may be addressed, such as that of a "
        "proxy before it.",
        check=checks.optional(_check_hosts),
    )
    max_request_mb: float = LIMITS.option(
        64, "Megabytes of a request.", check=checks.positive
    )
    max_megapixels: float = LIMITS.option(
        50,
        "Millions of pixels of a film, by its header.",
        check=checks.positive,
    )
    max_images: int = LIMITS.option(
        32, "Films of a request.", check=checks.integer(1)
    )
    queue_size: int = LIMITS.option(
        64,
        "Films that are worked on or wait; to more the answer is 429.",
        check=checks.integer(1),
    )
    timeout: float = LIMITS.option(
        30,
        "Seconds that a request may take to arrive, and to be answered.",
        check=checks.positive,
    )

    def __post_init__(self) -> None:
        if self.token is None and TOKEN_VARIABLE in os.environ:
            object.__setattr__(self, "token", os.environ[TOKEN_VARIABLE])
        options.check_fields(self)
        model_option.check_run(self.model, self.workdir, self.data_dir)
        if not is_loopback(self.host) and self.token is None:
            raise ValueError(
                f"Who can reach {self.host} could have films scored here. Set "
                f"the environment variable {TOKEN_VARIABLE} or --token to what "
                "clients must know, or leave out --host to serve this machine "
                f"alone. Received: host={self.host}"
            )
        if self.queue_size < self.max_images:
            raise ValueError(
                "`queue_size` must not be below `max_images`: a full request "
                "would never find room. Add --queue_size or --max_images. "
                f"Received: queue_size={self.queue_size}, "
                f"max_images={self.max_images}"
            )

    @property
    def max_request_bytes(self) -> int:
        """`max_request_mb` in bytes."""
        return int(self.max_request_mb * _MEGA)

    @property
    def max_pixels(self) -> int:
        """`max_megapixels` in pixels."""
        return int(self.max_megapixels * _MEGA)
