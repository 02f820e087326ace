"""The log of a run: JSON lines, and TensorBoard where it is installed.

The loop around a step of training: progress, log, moving average, saved state, exact resume.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TextIO

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from ghn.errors import CheckpointError, DataError, ExistsError, check_settings
from ghn.files import parse_lines, write_atomic
from ghn.train.checkpoint import fit_tensors, load_tensors, save_tensors

LOG, DRAWN = "log.jsonl", "drawn.jsonl"
LINES = "JSON objects with a step, one a line"


class RunLog:
    """Appends one JSON object a line to `log.jsonl`.

    Args:
        folder: of the run.
        step: the step from which the run goes on; lines of later steps, written by a run that was killed before it
            saved its state, are dropped.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        self.path = folder / LOG
        self._file = _open_at(self.path, step)
        self._board: Any = None
        if find_spec("tensorboard"):
            from torch.utils.tensorboard import SummaryWriter

            self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=step + 1, flush_secs=10)

    def write(self, step: int, **values: float | None) -> None:
        """Logs values of one step."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                if value is not None:
                    self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Closes the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


class DrawnLog:
    """Keeps in `drawn.jsonl` which options each step trained, where these cannot be drawn again from the seed.

    Args:
        folder: of the run.
        step: the step from which the run goes on, as in `RunLog`.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = _open_at(folder / DRAWN, step)

    def write(self, step: int, options: Sequence[Sequence[int]]) -> None:
        """Keeps the options of each choice of each architecture of one step, which is counted from 1."""
        self._file.write(json.dumps({"step": step, "options": [list(one) for one in options]}) + "\n")
        self._file.flush()


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's `log.jsonl` or `drawn.jsonl`; one torn by a kill at the end is left out.

    Raises:
        DataError: there is no such file, or it is something else.
    """
    if not path.is_file():
        raise DataError(f"no {path.name} here", got=str(path), expected="the folder of a run of train_ghn.py")
    if not (lines := _lines(path)):
        raise DataError(f"{path} is not what a run writes", got="nothing", expected=LINES)
    return lines


def _open_at(path: Path, step: int) -> TextIO:
    """The file without the lines of later steps, to be appended to."""
    kept = [line for line in _lines(path) if line["step"] <= step] if path.exists() else []
    write_atomic(path, "".join(json.dumps(line) + "\n" for line in kept))
    return path.open("a")


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        lines = [line.row for line in parse_lines(path.read_bytes(), path, "a run's log", fix=None)[0]]
    except OSError as error:
        raise DataError(f"{path} cannot be read", got=str(error)) from None
    if not all(isinstance(line, dict) and type(line.get("step")) is int for line in lines):
        raise DataError(f"{path} is not what a run writes", expected=LINES)
    return lines


# --- The loop around a step of training: progress, log, moving average, saved state, exact resume ---

STATE = "state.safetensors"
Check = Callable[[nn.Module], dict[str, float | None]]


class RunConfig(Protocol):
    """What the loop reads of a config."""

    @property
    def steps(self) -> int:
        """Steps in all."""
        ...

    @property
    def average(self) -> float:
        """Decay of the moving average."""
        ...

    @property
    def save_every(self) -> int:
        """Steps between saved states."""
        ...

    @property
    def log_every(self) -> int:
        """Steps between lines in the log."""
        ...

    @property
    def check_every(self) -> int:
        """Steps between checks."""
        ...


class Run:
    """A training of which `train_step` is left to say.

    Every step must be a function of the state before it and its number, so that a run that was killed at any point and
    resumed gives bitwise the same weights, on a CPU with the same number of threads, as one that was not.

    Args:
        model: what is trained, on the device.
        averaged: names of the parameters whose moving average is kept; the others are taken as they are.
        optimizers: by the name that their state is saved under.
        config: how long, and how often what.
        fabric: the device.
        folder: of the run, for its state and log.
        resume: go on from the state in the folder.
        check: measures the averaged model now and then; its numbers are logged beside the loss.
        identity: what a run must have in common with the one it resumes, JSON-able.

    Raises:
        ExistsError: the folder holds a run and `resume` is not set.
        CheckpointError: nothing to resume, or the state belongs to another run.
    """

    def __init__(
        self,
        model: nn.Module,
        averaged: list[str],
        optimizers: Mapping[str, Optimizer],
        config: RunConfig,
        fabric: Fabric,
        folder: Path | str,
        *,
        resume: bool,
        check: Check | None,
        identity: Mapping[str, Any],
    ) -> None:
        self.plain, self.optimizers, self.run_config = model, optimizers, config
        self.fabric, self.folder, self.check, self.identity = fabric, Path(folder), check, dict(identity)
        self.step, self.seconds = 0, 0.0
        self._updating = False
        own = dict(model.named_parameters())
        self.average = {name: own[name].detach().clone() for name in averaged}
        if resume:
            self._load()
        elif (self.folder / STATE).exists() or (self.folder / "log.jsonl").exists():
            raise ExistsError(
                "the folder holds a run already",
                got=str(self.folder),
                fix="choose another folder, or resume it (resume=true)",
            )
        self.folder.mkdir(parents=True, exist_ok=True)

    def train_step(self) -> Tensor:
        """One step; returns its losses (nats).

        It adds one to `step`, and sets `_updating` as long as state is being changed.

        Raises:
            TrainingError: the loss is no longer finite; nothing has been changed.
        """
        raise NotImplementedError

    def measures(self) -> dict[str, float | None]:
        """Numbers of the step before, logged beside the loss."""
        return {}

    def run(self, *, progress: bool = True) -> nn.Module:
        """Trains to the end, saving state on the way, also when interrupted.

        Returns:
            The model with averaged parameters.

        Raises:
            TrainingError: the loss is no longer finite; the state before that step has been saved.
        """
        if self.step == 0:  # so that a run killed before its first save can be resumed too
            self.save()
        log = RunLog(self.folder, self.step)
        bar = tqdm(
            total=self.run_config.steps,
            initial=self.step,
            disable=not progress,
            desc="training",
            unit="step",
            mininterval=1,
        )
        before, started = self.seconds, time.perf_counter()
        try:
            while self.step < self.run_config.steps:
                losses = self.train_step()
                self.seconds = before + time.perf_counter() - started
                bar.update()
                if self.step % self.run_config.log_every == 0 or self.step == self.run_config.steps:
                    loss = float(losses.mean())
                    bar.set_postfix(loss=f"{loss:.3f}")
                    log.write(self.step, loss=loss, **self.measures(), seconds=self.seconds)
                if self.check and (self.step % self.run_config.check_every == 0 or self.step == self.run_config.steps):
                    log.write(self.step, **self.check(self.averaged()))
                if self.step % self.run_config.save_every == 0:
                    self.save()
        finally:  # also after Ctrl-C, unless it came amidst an update: then the state saved last is what is resumed
            if not self._updating:
                self.save()
            bar.close()
            log.close()
        return self.averaged()

    def averaged(self) -> nn.Module:
        """A copy of the model with the averaged parameters."""
        twin = copy.deepcopy(self.plain).eval()
        twin.load_state_dict({**twin.state_dict(), **self.average})
        return twin

    @torch.no_grad()
    def _update_average(self) -> None:
        decay = min(self.run_config.average, (1 + self.step) / (10 + self.step))  # short at first: forget the start
        own = dict(self.plain.named_parameters())
        torch._foreach_lerp_(list(self.average.values()), [own[k].detach() for k in self.average], 1 - decay)

    def save(self) -> None:
        """Writes the state, atomically."""
        state = {f"model/{k}": v for k, v in self.plain.state_dict().items()}
        state |= {f"average/{k}": v for k, v in self.average.items()}
        for name, parameter in self.plain.named_parameters():
            for title, optimizer in self.optimizers.items():
                for key, value in optimizer.state.get(parameter, {}).items():
                    state[f"{title}/{name}/{key}"] = value
        save_tensors(
            self.folder / STATE,
            "training state",
            state,
            {"step": self.step, "seconds": self.seconds, "identity": self.identity},
        )

    def _load(self) -> None:
        path = self.folder / STATE
        if not path.is_file():
            raise CheckpointError(
                "there is no run to resume",
                got=str(path),
                fix="choose the folder of a run (out=...), or begin one: resume=false",
            )
        tensors, header = load_tensors(path, "training state")
        card = header["card"]
        fix = "resume with the settings it was started with"
        check_settings(CheckpointError, path, card.get("identity"), self.identity, fix)
        fit_tensors(self.plain, {k[6:]: v for k, v in tensors.items() if k.startswith("model/")}, path)
        self.average = {k: tensors[f"average/{k}"].to(self.fabric.device) for k in self.average}
        for name, parameter in self.plain.named_parameters():
            for title, optimizer in self.optimizers.items():
                prefix = f"{title}/{name}/"
                if found := {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}:
                    device = {k: v if k == "step" else v.to(self.fabric.device) for k, v in found.items()}
                    optimizer.state[parameter] = device
        self.step, self.seconds = int(card["step"]), float(card.get("seconds", 0.0))
