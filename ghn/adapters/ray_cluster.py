"""A process and its cluster of Ray."""

from __future__ import annotations

import socket
from typing import Any

import ray

from ghn.errors import ConfigError

SECONDS = 10  # that an address has to answer


def connect(address: str | None, slots: int) -> None:
    """Connects this process to a cluster, or begins one of so many CPUs; `ConfigError` where none answers."""
    how: dict[str, Any] = {"log_to_driver": False} | (
        {} if address else {"num_cpus": slots, "include_dashboard": False}
    )
    host, _, port = (address or "").rpartition(":")
    try:
        if host and port.isdecimal() and "/" not in host:  # which Ray itself would ask for minutes
            socket.create_connection((host, int(port)), timeout=SECONDS).close()
        ray.init(address, **how)
    except (OSError, RuntimeError, ValueError) as error:
        fix = "begin one: ray start --head --port=6379, and on other machines: ray start --address=HOST:6379"
        raise ConfigError("no Ray cluster answers", got=f"address={address}: {error}", fix=fix) from None
