"""What torchrun says to the processes that it starts; readable without importing torch."""

from __future__ import annotations

import os
from typing import NamedTuple

from ghn.errors import ConfigError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


class Launch(NamedTuple):
    """The place of this process among `ranks`, of which `local_ranks` are on this machine."""

    rank: int
    ranks: int
    local_rank: int
    local_ranks: int

    @property
    def machines(self) -> int:
        return self.ranks // self.local_ranks


def launched() -> Launch | None:
    """What torchrun said; None where this process is the only one of its training.

    Raises:
        ConfigError: the variables are no numbers, or machines have different numbers of ranks.
    """
    found = {name: os.environ.get(name, "") for name in VARIABLES}
    if not all(found.values()) or found["WORLD_SIZE"] == "1":
        return None
    try:
        launch = Launch(*(int(found[name]) for name in VARIABLES[:4]))
        if not 0 <= launch.rank < launch.ranks or launch.machines * launch.local_ranks != launch.ranks:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise ConfigError(
            "the ranks do not fit together",
            got=", ".join(f"{name}={value}" for name, value in found.items()),
            expected="as torchrun sets them, with as many ranks on each machine",
            fix="start them with torchrun; a single process needs none of these variables",
        ) from None
    return launch


def starter() -> list[str]:
    """The program that started this process, as a user would type it."""
    if (launch := launched()) is None:
        return ["python"]
    machines = [f"--nnodes={launch.machines}"] if launch.machines > 1 else []
    return ["torchrun", *machines, f"--nproc-per-node={launch.local_ranks}"]


def refuse_ranks(what: str, fix: str) -> None:
    """Refuses what runs in one process where torchrun has started several.

    Raises:
        ConfigError: it has.
    """
    if launch := launched():
        raise ConfigError(f"{what} runs in one process", got=f"{launch.ranks} ranks of torchrun", fix=fix)
