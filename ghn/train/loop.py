"""The loop around a step of training: progress, logs, moving average, checks, saved state, exact resume."""

from __future__ import annotations

import copy
import time
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from itertools import takewhile
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from ghn.errors import (
    CheckpointError,
    ConfigError,
    DataError,
    ExistsError,
    TrainingError,
    check_counts,
    check_numbers,
    check_settings,
)
from ghn.files import GrowingFile
from ghn.lines import Line, encode_line, parse_lines
from ghn.locks import begins_anew, locked
from ghn.reading import is_file, read_bytes, reading
from ghn.train.checkpoint import fit_tensors, load_tensors, save_tensors
from ghn.train.runtime import ranks_of

STATE, LOG, DRAWN = "state.safetensors", "log.jsonl", "drawn.jsonl"
KIND = "training state"
LINES = "JSON objects with a step, one a line"
Check = Callable[[nn.Module], dict[str, float | None]]


class StepLog:
    """Appends one JSON object a line; what stands there is never written again.

    Lines after `step`, where the run goes on, are cut off: it was killed before it saved the state that goes with them.
    """

    def __init__(self, path: Path, step: int = 0) -> None:
        known = _lines(path) if path.exists() else []
        kept = list(takewhile(lambda line: line.row["step"] <= step, known))
        self._file = GrowingFile(path, kept[-1].end if kept else 0)

    def write(self, step: int, **values: Any) -> None:
        """Keeps values of one step, which is counted from 1."""
        self._file.write(encode_line({"step": step, **values}))

    def close(self) -> None:
        self._file.close()


class RunLog(StepLog):
    """The `log.jsonl` of a folder; its numbers go to TensorBoard too."""

    def __init__(self, folder: Path, step: int = 0) -> None:
        super().__init__(folder / LOG, step)
        self._board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1, flush_secs=10)

    def write(self, step: int, **values: float | None) -> None:
        super().write(step, **values)
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        super().close()
        if self._board is not None:
            self._board.close()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl` or `drawn.jsonl`; one torn by a kill at the end is left out."""
    if not is_file(path):
        raise DataError(f"no {path.name} here", got=str(path), expected="the folder of a run of train_ghn.py")
    if not (lines := _lines(path)):
        raise DataError(f"{path} is not what a run writes", got="nothing", expected=LINES)
    return [line.row for line in lines]


def last_values(folder: Path) -> dict[str, Any]:
    """The last value of everything in the `log.jsonl` of a run; nothing as long as it has no line."""
    path = folder / LOG
    return dict(ChainMap(*(line.row for line in reversed(_lines(path))))) if path.exists() else {}


def _lines(path: Path) -> list[Line]:
    with reading(f"{path} cannot be read"):
        lines = parse_lines(read_bytes(path), path, "a run's log", fix=None)[0]
    if not all(isinstance(row, dict) and type(row.get("step")) is int for _, row, _ in lines):
        raise DataError(f"{path} is not what a run writes", expected=LINES)
    return lines


@contextmanager
def kept_folder(folder: Path | str, fabric: Fabric) -> Iterator[None]:
    """Keeps the folder of a run for it alone, and for all of its ranks, until the end; see `ghn.locks.locked`.

    Raises:
        ExistsError: another run writes there.
        WriteError: it cannot be written into.
    """
    with ExitStack() as stack:
        ranks_of(fabric).first(lambda: stack.enter_context(locked(folder)))
        yield


def _read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    if not path.is_file():
        raise CheckpointError(
            "there is no run to resume",
            got=str(path),
            fix="choose the folder of a run (out=...), or begin one: resume=false",
        )
    return load_tensors(path, KIND)


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How long a training goes on, and how often what is done beside it."""

    steps: int = 20_000  # optimiser steps
    average: float = 0.999  # decay of the moving average of the parameters, which is what is saved and scored
    save_every: int = 500  # steps between saved states
    log_every: int = 20  # steps between lines in the log
    check_every: int = 1000  # steps between ranking checks

    def __post_init__(self) -> None:
        often = {"save_every": self.save_every, "log_every": self.log_every, "check_every": self.check_every}
        check_counts("trainer: ", steps=self.steps, **often)
        check_numbers("trainer: ", least=0, below=1, average=self.average)


class Update(NamedTuple):
    """A step that has been worked out and not taken: nothing that is saved has changed yet.

    `apply` takes it, and returns its losses (nats), [n]. `drawn` has the options of each choice of each architecture,
    where these cannot be drawn again from the seed.
    """

    apply: Callable[[], Tensor]
    drawn: Sequence[Sequence[int]] | None = None


class Step(Protocol):
    """What is trained, and one step of it.

    `averaged` names the parameters whose moving average is kept; the others are taken as they are. `optimizers` go by
    the name that their state is saved under. `identity` is what a run must have in common with the one it resumes.
    """

    model: nn.Module
    averaged: Sequence[str]
    optimizers: Mapping[str, Optimizer]
    identity: Mapping[str, Any]

    def __call__(self, number: int) -> Update:
        """Works a step out, counted from 0: a function of that number and of what is saved."""
        ...

    def measures(self, number: int) -> dict[str, float | None]:
        """Numbers after so many steps, logged beside the loss."""
        ...


class Loop:
    """Takes steps; a run that was killed at any point and resumed gives bitwise the same weights as one that was not.

    That holds on a CPU with the same number of threads. `done` steps took `seconds`. Of several ranks the first alone
    reads and writes files, shows the bar and checks; the state is the same for any number of ranks.

    Args:
        step: of the training.
        config: how long, and how often what.
        fabric: the device.
        folder: of the run, for its state and logs.
        resume: go on from the state in the folder; in one that holds nothing, begin, and say so.
        check: measures the averaged model now and then; its numbers are logged beside the loss.

    Raises:
        ExistsError: the folder holds a run and `resume` is not set.
        CheckpointError: nothing to resume, or the state belongs to another run.
        ConfigError: this rank has other settings or data than the first.
    """

    def __init__(
        self,
        step: Step,
        config: LoopConfig,
        fabric: Fabric,
        folder: Path | str,
        *,
        resume: bool = False,
        check: Check | None = None,
    ) -> None:
        self.step, self.config, self.fabric, self.folder, self.check = step, config, fabric, Path(folder), check
        self.done, self.seconds, self.ranks = 0, 0.0, ranks_of(fabric)
        self._whole = True  # false amidst an update
        self._drawn: StepLog | None = None
        own = dict(step.model.named_parameters())
        self.average = {name: own[name].detach().clone() for name in step.averaged}
        if self.ranks.count > 1:
            wanted, fix = self.ranks.first(lambda: step.identity), "start all ranks with the same settings and data"
            check_settings(ConfigError, f"the training of rank {self.ranks.rank}", step.identity, wanted, fix)
        if resume:
            if not self.ranks.first(partial(begins_anew, self.folder)):
                self._load()
        elif self.ranks.first(lambda: (self.folder / STATE).exists() or (self.folder / LOG).exists()):
            raise ExistsError(
                "the folder holds a run already",
                got=str(self.folder),
                fix="choose another folder (out=...), or go on with its run: resume=true, in Python resume=True",
            )

    def run(self, *, progress: bool = True) -> nn.Module:
        """Trains to the end, saving state on the way, also when interrupted; gives the model with averaged parameters.

        Raises:
            TrainingError: the loss is no longer finite; the state before that step has been saved.
            RankError: another rank has ended; so has the state before that step.
        """
        if self.done == 0:  # so that a run killed before its first save can be resumed too
            self.save()
        log, steps = RunLog(self.folder, self.done) if self.ranks.is_first else None, self.config.steps
        hidden = not (progress and self.ranks.is_first)
        bar = tqdm(total=steps, initial=self.done, disable=hidden, desc="training", unit="step", mininterval=1)
        before, started = self.seconds, time.perf_counter()
        try:
            while self.done < steps:
                losses = self.advance()
                self.seconds = before + time.perf_counter() - started
                bar.update()
                if log and self._due(self.config.log_every):
                    loss = float(losses.mean())
                    bar.set_postfix(loss=f"{loss:.3f}")
                    log.write(self.done, loss=loss, **self.step.measures(self.done), seconds=self.seconds)
                if self.check and self._due(self.config.check_every):
                    self.ranks.first(partial(self._write_check, self.check, log))
                if self.done % self.config.save_every == 0:
                    self.save()
        finally:  # also after Ctrl-C, unless it came amidst an update: then the state saved last is what is resumed
            with ExitStack() as stack:
                for open_file in (bar, log, self._drawn):
                    if open_file is not None:
                        stack.callback(open_file.close)
                if self._whole:
                    with self.ranks.undisturbed():
                        self.save()
        return self.averaged()

    def advance(self) -> Tensor:
        """Takes one step; returns its losses (nats)."""
        try:
            update = self.step(self.done)
            if update.drawn is not None and self.ranks.is_first:
                self._drawn = self._drawn or StepLog(self.folder / DRAWN, self.done)
                self._drawn.write(self.done + 1, options=[list(one) for one in update.drawn])
            self._whole = False
            losses = update.apply()
        except TrainingError as error:
            fix = error.fix or "lower trainer.lr and start anew"
            kept = f"the last good state is kept in {self.folder / STATE}"
            raise TrainingError(error.what, got=error.got, expected=error.expected, fix=f"{kept}; {fix}") from None
        self._update_average()
        self.done += 1
        self._whole = True
        return losses

    def averaged(self) -> nn.Module:
        twin = copy.deepcopy(self.step.model).eval()
        twin.load_state_dict({**twin.state_dict(), **self.average})
        return twin

    def save(self) -> None:
        """Saves the state: the first rank's, as that of the others is the same."""
        if not self.ranks.is_first:
            return
        state = {f"model/{k}": v for k, v in self.step.model.state_dict().items()}
        state |= {f"average/{k}": v for k, v in self.average.items()}
        for name, parameter in self.step.model.named_parameters():
            for title, optimizer in self.step.optimizers.items():
                for key, value in optimizer.state.get(parameter, {}).items():
                    state[f"{title}/{name}/{key}"] = value
        card = {"step": self.done, "seconds": self.seconds, "identity": dict(self.step.identity)}
        save_tensors(self.folder / STATE, KIND, state, card)

    def _write_check(self, check: Check, log: StepLog | None) -> None:
        assert log is not None
        log.write(self.done, **check(self.averaged()))

    def _due(self, every: int) -> bool:
        return self.done % every == 0 or self.done == self.config.steps

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.config.average, (1 + self.done) / (10 + self.done))  # short at first: forget the start
        own = dict(self.step.model.named_parameters())
        torch._foreach_lerp_(list(self.average.values()), [own[k].detach() for k in self.average], 1 - decay)

    def _load(self) -> None:
        path, model = self.folder / STATE, self.step.model
        tensors, header = self.ranks.first(partial(_read_state, path))
        card = header["card"]
        fix = "resume with the settings it was started with"
        check_settings(CheckpointError, path, card.get("identity"), self.step.identity, fix)
        fit_tensors(model, {k[6:]: v for k, v in tensors.items() if k.startswith("model/")}, path)
        with reading(f"{path} is no state of a training", error=CheckpointError, fix="use the original file"):
            average = {k: tensors[f"average/{k}"] for k in self.average}
            if wrong := [k for k, v in average.items() if v.shape != self.average[k].shape]:
                raise ValueError(f"an average of another shape: {wrong[0]}")
            done, seconds = int(card["step"]), float(card.get("seconds", 0.0))
        self.average = {k: v.to(self.fabric.device) for k, v in average.items()}
        for name, parameter in model.named_parameters():
            for title, optimizer in self.step.optimizers.items():
                prefix = f"{title}/{name}/"
                if found := {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}:
                    device = {k: v if k == "step" else v.to(self.fabric.device) for k, v in found.items()}
                    optimizer.state[parameter] = device
        self.done, self.seconds = done, seconds
