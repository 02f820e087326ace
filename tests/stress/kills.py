"""Runs that are killed, at random moments or at a certain call to the system, and gone on with: nothing may differ."""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

from tests.stress.cases import Case, content, differences
from tests.stress.forks import fork

CALLS = ("rename", "replace", "fsync", "fdatasync", "truncate", "ftruncate", "unlink", "remove")
LONGEST = 300.0  # seconds after which a run hangs


@dataclass
class Count:
    """What happened to a case."""

    name: str
    runs: int = 0
    kills: int = 0
    wrong: list[str] = field(default_factory=list)

    def check(self, ok: bool, what: str, said: str = "") -> None:
        """Notes what is not as it should be, with the end of what a run said."""
        if not ok:
            self.wrong.append(f"{self.name}: {what}" + (f"\n{said[-2000:]}" if said else ""))


class Killed:
    """A case with the content of a run that nothing happened to."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.case, self.folder, self.count = case, folder, Count(case.name)
        self._round = 0
        self._made: int | None = None
        start = monotonic()
        out = self._new()
        status, said = self._run(out, resume=False)
        self.count.check(status == 0, "fails when nothing happens to it", said)
        self.seconds, self.content = monotonic() - start, content(out)

    def at_random(self, rng: Random, kills: int) -> None:
        """A run that is killed so many times, unless it ends before, and then runs to its end."""
        out, before = self._new(), self.count.kills
        while self.count.kills - before < kills:
            # anywhere in what is left, and often soon after the beginning
            running = fork(
                self.case.script, self.case.command(out, resume=self.count.kills > before), out.with_suffix(".log")
            )
            if (status := running.wait(self.seconds * rng.random() ** 2)) is not None:
                self.count.runs += 1
                self.count.check(status == 0, f"ends with {status}", running.said())
                break
            running.kill()
            running.wait()
            self.count.kills += 1
        self._finish(out)

    def at_calls(self, share: float = 1.0) -> None:
        """Runs killed before and after a call that renames, empties, removes or syncs a file; for a share of them."""
        for number in self._calls(share):
            for where in ("before", "after"):
                out = self._new()
                self._struck(out, partial(_strike, number, where, _end))
                self.count.kills += 1
                self._finish(out, f"killed {where} call {number}")

    def full(self, share: float = 1.0) -> None:
        """Runs whose disk is full at such a call: they say so and can be gone on with."""
        for number in self._calls(share):
            out = self._new()
            status, said = self._struck(out, partial(_strike, number, "before", _raise_full))
            clear = "Traceback" not in said and "error: " in said
            self.count.check(status == 0 or clear, f"no clear error of a full disk at call {number} ({status})", said)
            self._finish(out, f"disk full at call {number}")

    def _calls(self, share: float) -> list[int]:
        """The numbers of a share of the calls, at least one, spread evenly."""
        if self._made is None:
            noted = self._new().with_suffix(".calls")
            self._struck(noted.with_suffix(""), partial(_strike, 0, "", _end, noted))
            self._made = len(noted.read_text())
        some = max(1, round(share * self._made))
        return [1 + self._made * (2 * k + 1) // (2 * some) for k in range(some)]

    def _struck(self, out: Path, before: Callable[[], None]) -> tuple[int | None, str]:
        running = fork(self.case.script, self.case.command(out, resume=False), out.with_suffix(".log"), before=before)
        return running.wait(LONGEST), running.said()

    def _finish(self, out: Path, what: str = "killed") -> None:
        """Goes on to the end, and compares."""
        status, said = self._run(out, resume=True)
        self.count.check(status == 0, f"{what}: cannot be gone on with in {out}", said)
        found = content(out)
        differ = differences(self.content, found)
        self.count.check(not differ, f"{what}: {differ} differ in {out}")
        left = [path.name for path in out.rglob("*.tmp")]
        self.count.check(not left, f"{what}: {left} is left in {out}")
        if status == 0 and not differ and not left:
            shutil.rmtree(out)
            out.with_suffix(".log").unlink()

    def _run(self, out: Path, *, resume: bool) -> tuple[int | None, str]:
        running = fork(self.case.script, self.case.command(out, resume=resume), out.with_suffix(".log"))
        status = running.wait(LONGEST)
        running.kill()
        self.count.runs += 1
        return status, running.said()

    def _new(self) -> Path:
        self._round += 1
        return self.folder / f"{self.case.name}-{self._round}"


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _raise_full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _strike(number: int, where: str, what: Callable[[], None], noted: Path | None = None) -> None:
    """Lets something happen before or after the call of this number, counted from 1; writes a sign for each call."""
    made = 0

    def wrapped(call: Callable[..., Any]) -> Callable[..., Any]:
        def replacement(*args: Any, **named: Any) -> Any:
            nonlocal made
            made += 1
            mine = made == number
            if noted is not None:
                with noted.open("a") as file:
                    file.write(".")
            if mine and where == "before":
                what()
            result = call(*args, **named)
            if mine and where == "after":
                what()
            return result

        return replacement

    for name in CALLS:
        setattr(os, name, wrapped(getattr(os, name)))
