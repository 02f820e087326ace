"""Runs the application until it is told to stop; then what has begun is finished."""

from __future__ import annotations

import sys

import uvicorn

from ghn.adapters.service.app import Service, make_app
from ghn.adapters.service.security import LOOPBACK, VARIABLE, Access, is_loopback
from ghn.errors import ConfigError

CONNECTIONS = 200  # beside those that may wait


def run_server(service: Service, *, host: str, port: int, token: str | None, log: bool = True) -> None:
    """Serves until SIGTERM or Ctrl-C: no request is taken any more then, and those that wait are answered.

    Args:
        service: what answers.
        host: an address of this machine; other machines reach it only where that is not a loopback address.
        port: of that address.
        token: that requests must bring; None: none.
        log: whether to print a line for each request.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    local = is_loopback(host)
    if not local and token is None:
        print(
            f"WARNING: {host}:{port} can be reached from other machines, and asks for no token: whoever reaches it can "
            f"use it, and add observations. Set {VARIABLE}, or token_file=FILE; or leave host=127.0.0.1.",
            file=sys.stderr,
        )
    names = (*LOOPBACK, f"[{host}]" if ":" in host else host) if local else ()
    config = uvicorn.Config(
        make_app(service, Access(token, names)),
        host=host,
        port=port,
        log_level="info" if log else "warning",
        access_log=log,
        server_header=False,
        limit_concurrency=CONNECTIONS + service.limits.waiting,
        timeout_graceful_shutdown=int(service.limits.seconds) + 1,
    )
    try:
        listening = config.bind_socket()
        listening.listen(config.backlog)  # whoever reads the next line and asks at once is let in
    except SystemExit:
        raise ConfigError(f"{host}:{port} cannot be listened on", fix="choose another: port=..., host=...") from None
    shown = f"[{host}]" if ":" in host else host
    print(f"serving {', '.join(service.served)} at http://{shown}:{listening.getsockname()[1]}/", flush=True)
    uvicorn.Server(config).run(sockets=[listening])
