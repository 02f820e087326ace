"""A training on two ranks of which one or both are killed, and which goes on with two."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from random import Random
from time import monotonic

from tests.stress.cases import Case, cases, content, differences, make_images
from tests.stress.forks import Fork, fork
from tests.stress.kills import LONGEST, Count

RANKS = 2


def killed_ranks(folder: Path, kills: int, rng: Random) -> Count:
    """Kills so many trainings at random moments; each goes on to what nothing happened to."""
    case, count = cases(make_images(folder / "images"))["training"], Count("training on two ranks")
    begin, whole = monotonic(), folder / "whole"
    _finish(case, whole, count, resume=False)
    seconds, wanted = monotonic() - begin, content(whole)
    for number in range(kills):
        out = folder / f"killed{number}"
        running = _start(case, out, resume=False)
        running[0].wait(seconds * rng.random())
        victims = running if number % 2 else running[rng.randrange(RANKS) :][:1]
        for one in victims:
            one.kill()
            one.wait()
        count.kills += 1
        for one in running:  # a rank that is left alone says so and ends by itself
            status = one.wait(LONGEST)
            count.check(status is not None, f"a rank that is left alone hangs in {out}", one.said())
            count.check(
                "Traceback" not in one.said(), f"a rank that is left alone has a traceback in {out}", one.said()
            )
            one.kill()
        _finish(case, out, count, resume=True)
        differ = differences(wanted, content(out))
        count.check(not differ, f"{differ} differ in {out}")
    return count


def _finish(case: Case, out: Path, count: Count, *, resume: bool) -> None:
    for one in _start(case, out, resume=resume):
        status = one.wait(LONGEST)
        one.kill()
        count.check(status == 0, f"a rank ends with {status} in {out}", one.said())
    count.runs += 1


def _start(case: Case, out: Path, *, resume: bool) -> list[Fork]:
    """The ranks, as torchrun starts them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])

    def place(rank: int) -> None:
        ours = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": RANKS, "LOCAL_WORLD_SIZE": RANKS, "MASTER_PORT": port}
        os.environ |= {name: str(value) for name, value in ours.items()} | {"MASTER_ADDR": "127.0.0.1"}

    words = [*case.command(out, resume=resume), "rank_timeout=30"]
    logs = [out.with_name(f"{out.name}-{rank}.log") for rank in range(RANKS)]
    return [fork(case.script, words, logs[rank], before=lambda rank=rank: place(rank)) for rank in range(RANKS)]  # type: ignore[misc]
