"""The ranks of a training: how they join, share a step, wait for one another, and end together.

A step is divided: each rank has a part of its architectures, and what follows from all of them - the gradient, the
losses - is added up, so that every rank takes the same step. What is done once is done by rank 0.
"""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import NoReturn, TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from ghn.errors import ConfigError, GhnError, RankError
from ghn.train.launch import Launch, launched

T = TypeVar("T")
FOREVER = timedelta(days=365)  # while rank 0 works alone: were it lost, its connection would be too
LAST_WORDS = 5.0  # seconds in which the store must answer a rank that ends
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Ended(KeyboardInterrupt):
    """A signal that ends this rank; as Ctrl-C, it is no error that a candidate could have raised."""


class OneProcess:
    """The only rank there is: it has all architectures, and waits for nobody."""

    rank, count = 0, 1

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes files, logs and shows the bar."""
        return self.rank == 0

    def refuse(self, what: str, because: str) -> None:
        """Refuses what cannot be divided among ranks.

        Raises:
            ConfigError: there are several.
        """
        if self.count > 1:
            raise ConfigError(
                f"{what} trains in one process: {because}", got=f"{self.count} ranks", fix="start it with python"
            )

    def part(self, n: int) -> slice:
        """Which of `n` architectures of a step this rank has.

        Raises:
            ConfigError: a rank would have none.
        """
        if n < self.count:
            raise ConfigError(
                "a step has fewer architectures than there are ranks",
                got=f"trainer.architectures={n}, {self.count} ranks",
                fix=f"trainer.architectures={self.count} or more, or fewer ranks (torchrun --nproc-per-node)",
            )
        return slice(self.rank * n // self.count, (self.rank + 1) * n // self.count)

    def add_up(self, parameters: Sequence[nn.Parameter], losses: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        """Adds up gradients, and losses that are 0 where another rank has the architecture; returns the losses.

        A parameter that no architecture of the step uses, on any rank, is left without a gradient.
        """
        return losses

    def start_alike(self, model: nn.Module) -> None:
        """Gives a model the values that it has on rank 0."""

    def agree(self, name: str, value: str) -> str:
        """What rank 0 calls so, such as the folder of the run."""
        return value

    def first(self, work: Callable[[], T]) -> T:
        """What rank 0 does alone, and its result on every rank; an error that it raises on purpose is raised on all."""
        return work()

    def in_turn(self, work: Callable[[], T]) -> T:
        """What every rank does for itself, after rank 0 has: it may download, and the others find it."""
        return work()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """Lets nothing interrupt what is done here; in one process a second Ctrl-C does."""
        yield

    def leave(self) -> None:
        """Ends what the ranks have in common."""


class Ranks(OneProcess):
    """One of several ranks; made by `join`.

    Args:
        launch: this rank among all.
        store: what all can read and write.
        wait: seconds that the others are waited for in a step.
    """

    def __init__(self, launch: Launch, store: dist.Store, wait: float) -> None:
        self.rank, self.count = launch.rank, launch.ranks
        self.store, self._wait = store, timedelta(seconds=wait)
        talk = dist.new_group(backend="gloo", timeout=FOREVER)  # whatever the device; `_meet` is less patient
        assert isinstance(talk, dist.ProcessGroup)
        self._talk = talk

    def add_up(self, parameters: Sequence[nn.Parameter], losses: Float[Tensor, " n"]) -> Float[Tensor, " n"]:
        self._meet(self._wait)
        used = losses.new_tensor([p.grad is not None for p in parameters])
        parts = [losses, used, *(torch.zeros_like(p) if p.grad is None else p.grad for p in parameters)]
        total = torch.cat([part.detach().flatten() for part in parts])
        try:
            dist.all_reduce(total)
        except RuntimeError as error:
            self._lost(error)
        losses, used, *gradients = total.split([part.numel() for part in parts])
        for parameter, gradient, ranks in zip(parameters, gradients, used.tolist(), strict=True):
            parameter.grad = gradient.view_as(parameter) if ranks else None
        return losses

    def start_alike(self, model: nn.Module) -> None:
        for value in model.state_dict().values():
            dist.broadcast(value, 0)

    def agree(self, name: str, value: str) -> str:
        if self.is_first:
            self.store.set(name, value)
        return self.store.get(name).decode()

    def first(self, work: Callable[[], T]) -> T:
        done: list[tuple[T | None, GhnError | None]] = [(None, None)]
        if self.is_first:
            try:
                done = [(work(), None)]
            except GhnError as error:
                done = [(None, error)]
        self._meet(FOREVER)
        dist.broadcast_object_list(done, 0, group=self._talk)
        result, failure = done[0]
        if failure is not None:
            raise failure
        return result  # type: ignore[return-value]

    def in_turn(self, work: Callable[[], T]) -> T:
        if self.is_first:
            result = work()
            self._meet(FOREVER)
            return result
        self._meet(FOREVER)
        return work()

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        found = [signal.signal(number, signal.SIG_IGN) for number in SIGNALS]
        try:
            yield
        finally:
            for number, handler in zip(SIGNALS, found, strict=True):
                signal.signal(number, handler)

    def leave(self) -> None:
        dist.destroy_process_group()

    def _meet(self, patience: timedelta) -> None:
        """Waits until all are here; one that is missing is named, which a sum over ranks could not."""
        started = time.monotonic()
        try:
            dist.monitored_barrier(self._talk, patience, wait_all_ranks=True)
        except RuntimeError as error:
            late = time.monotonic() - started >= patience.total_seconds()
            self._lost(error, f"has not answered rank {self.rank} for {patience.total_seconds():g} s" if late else None)

    def _lost(self, error: RuntimeError, what: str | None = None) -> NoReturn:
        """Says which rank is missing, as far as that can be read from an error."""
        _hear_nothing()
        named = re.search(r"(?:Ranks? |from rank )(\d[\d, ]*)(?: failed to pass|\. Please)", str(error))
        who = named[1] if named else str(1 - self.rank) if self.count == 2 else None  # of two it is the other
        raise RankError(
            f"rank {who} of {self.count} {what or 'has ended'}" if who else "another rank has ended",
            got=None if named else str(error).splitlines()[0],
            expected=f"{self.count} ranks; what ended one of them stands above, or in torchrun's report",
        ) from None


def join(launch: Launch, backend: str, wait: float) -> Ranks:
    """Waits for all ranks, before anything is done, and connects them; a signal then ends a rank in good order.

    Args:
        launch: this rank among all.
        backend: of `torch.distributed`: `gloo` on CPUs, `nccl` on GPUs.
        wait: seconds to wait for the others, here and in each step.

    Raises:
        RankError: a rank did not join in time; it is named.
    """
    patience = timedelta(seconds=wait)
    where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
    fix = "start all of them at about the same time; rank_timeout=SECONDS waits longer"
    try:
        store = _store(launch, wait)
    except RuntimeError as error:
        raise RankError(
            f"rank {launch.rank} of {launch.ranks}: nobody answers at {where} for {wait:g} s",
            got=str(error).splitlines()[0],
            fix=f"{fix}; is that address rank 0's, and reachable from here?",
        ) from None
    names = [f"here/{rank}" for rank in range(launch.ranks)]
    store.set(names[launch.rank], "")
    try:
        store.wait(names, patience)
    except RuntimeError:
        missing = [rank for rank, name in enumerate(names) if not store.check([name])]
        store.set("given up", ", ".join(map(str, missing)))
        raise RankError(
            f"not all ranks have joined within {wait:g} s",
            got=f"no rank {', '.join(map(str, missing))}",
            expected=f"ranks 0 to {launch.ranks - 1}, at {where}",
            fix=fix,
        ) from None
    if store.check(["given up"]):
        raise RankError(
            f"rank {launch.rank} of {launch.ranks} joins too late: the others have given up",
            got=f"they waited for rank {store.get('given up').decode()}",
            fix=fix,
        )
    try:
        dist.init_process_group(
            backend, timeout=patience, store=dist.PrefixStore("group", store), rank=launch.rank, world_size=launch.ranks
        )
        ranks = Ranks(launch, store, wait)
    except RuntimeError as error:
        raise RankError(
            f"rank {launch.rank} of {launch.ranks} cannot connect to the others", got=str(error).splitlines()[0]
        ) from None
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, _end)
    return ranks


def last_words(folder: str) -> str | None:
    """The folder of the run, to the first rank that says why all end; None to the others, who keep silent.

    `folder` is what this rank calls it.
    """
    if (launch := launched()) is None:
        return folder
    _hear_nothing()
    try:
        store = _store(launch, LAST_WORDS)
        if store.add("told", 1) > 1:
            return None
        return store.get("out").decode() if store.check(["out"]) else folder
    except RuntimeError:  # better twice than never
        return folder


def _store(launch: Launch, wait: float) -> dist.Store:
    """What all ranks can read and write: kept by torchrun, else by rank 0; anew at each of its restarts."""
    kept_by_torchrun = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    store = dist.TCPStore(
        os.environ["MASTER_ADDR"],
        int(os.environ["MASTER_PORT"]),
        launch.ranks,
        is_master=launch.rank == 0 and not kept_by_torchrun,
        timeout=timedelta(seconds=wait),
        wait_for_workers=False,
        multi_tenant=True,
    )
    return dist.PrefixStore(f"ghn/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)


def _hear_nothing() -> None:
    """Ignores signals from here on: this rank ends, and torchrun sends some twice, or while the state is saved."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: FrameType | None) -> NoReturn:
    """Ends this rank in good order."""
    _hear_nothing()
    if number == signal.SIGINT:
        raise Ended("interrupted")
    raise Ended("ended by torchrun, or by whoever sent SIGTERM: another rank has ended, and torchrun says which")
