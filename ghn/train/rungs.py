"""Rungs: trainings that stop at a fidelity and may go on at another, with every epoch kept on disk.

A state is found by what made it - architecture, seed and the fidelities that it went through - so that no candidate is
trained twice at one of them, whoever asks, and several processes may share a folder.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from torch import Tensor

from ghn.errors import ConfigError, DataError, TrainingError, check_counts, check_numbers, check_settings
from ghn.files import write_atomic
from ghn.graph.ir import Graph
from ghn.graph.stats import graph_stats
from ghn.locks import sweep_shared
from ghn.reading import read_json, reading
from ghn.train.checkpoint import load_tensors, save_tensors
from ghn.train.network import NetworkTrainer, Recipe
from ghn.types import Task

SCHEMA = "ghn.rungs/1"
STATE = "state of a rung"
MOST_EPOCHS = 1_000_000  # that a file may name
PASSES = 3  # of the forward pass's multiply-adds in a step: forward, gradients of the inputs, gradients of the weights


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much of a full training is done: four knobs, alone or together.

    It may `anneal`; otherwise training stops early in the recipe's schedule, and a later rung can go on from there.
    """

    epochs: int | None = None  # passes over the data, counted from the first rung on; None for all of the recipe's
    data: float = 1.0  # share of the train split, stratified, in (0, 1]
    size: int | None = None  # height and width of the images in pixels; None as they are
    width: int | None = None  # channels of the skeleton's first stage; None as it is
    anneal: bool = False  # whether the learning rate falls to zero over these epochs

    def __post_init__(self) -> None:
        check_numbers("fidelity: ", above=0, most=1, data=self.data)
        counts = {"epochs": self.epochs, "size": self.size, "width": self.width}
        check_counts("fidelity: ", **{name: count for name, count in counts.items() if count is not None})

    def __str__(self) -> str:
        usual = asdict(Fidelity())
        knobs = {name: value for name, value in asdict(self).items() if value != usual[name]}
        return ", ".join(f"{name} {value}" for name, value in knobs.items()) or "full"


Rungs = tuple[Fidelity, ...]  # in the order climbed; `epochs` set in each and rising


def climb(before: Rungs, to: Fidelity) -> tuple[Rungs, str | None]:
    """The rungs of a training that goes on to a fidelity, and why it starts anew if it does.

    Raises:
        ConfigError: it is further than that already.
    """
    if not before or before[-1] == to:
        return before or (to,), None
    last = before[-1]
    if last.width != to.width:
        return (to,), f"started anew: the width changed from {last.width or 'full'} to {to.width or 'full'}"
    if last.anneal or to.anneal:
        return (to,), "started anew: a schedule that ends with a rung does not go on in the next"
    same = replace(last, epochs=to.epochs) == to
    if (to.epochs or 0) < (last.epochs or 0) + (not same):
        raise ConfigError(
            "a resumed trial must go further than the trial that it resumes",
            got=f"{to.epochs} epochs after {last.epochs}",
            fix="give it a larger budget, or do not resume",
        )
    return (*(before[:-1] if same else before), to), None


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training has given so far, over all rungs.

    `curve` has lists of `epochs`, losses and accuracies, an entry an epoch; `seconds` and `macs` (multiply-adds) are
    what it took; `error` says why it cannot go on; `guard`, that nobody asked for so many epochs: against a kill it is
    kept until the next is done.
    """

    curve: dict[str, list[float]]
    seconds: float = 0.0
    macs: float = 0.0
    error: str | None = None
    guard: bool = False

    @property
    def epochs(self) -> int:
        return len(self.curve.get("epochs", []))

    def to_json(self) -> str:
        known = asdict(self)
        return json.dumps(known if self.guard else {name: value for name, value in known.items() if name != "guard"})

    def add(self, epoch: Mapping[str, float], seconds: float, macs: float) -> Trained:
        row = {"epochs": self.epochs + 1, **epoch}
        curve = {name: [*self.curve.get(name, []), value] for name, value in row.items()}
        return Trained(curve, self.seconds + seconds, self.macs + macs)


class RungStore:
    """Results and states in a folder, made when missing; None: a temporary one, kept as long as this object lives.

    `identity` is what all of it depends on, JSON-able.

    Raises:
        DataError: the folder holds trainings made with other settings.
    """

    def __init__(self, folder: Path | str | None, identity: Mapping[str, Any]) -> None:
        self._temporary = None if folder else TemporaryDirectory()
        self.folder = Path(folder or self._temporary.name)  # type: ignore[union-attr]
        self._header = json.loads(json.dumps({"schema": SCHEMA, "identity": identity}))
        self._named = False  # the folder is made with the first result
        sweep_shared(self.folder)
        if (path := self.folder / "identity.json").exists():
            found = _read(path)
            theirs = found.get("identity") if found.get("schema") == SCHEMA else None
            fix = "give another folder, or train with the same settings"
            check_settings(DataError, self.folder, theirs, self._header["identity"], fix)
            self._named = True

    def load(self, arch: str, rungs: Rungs, done: int | None = None) -> Trained | None:
        """The result after so many epochs of the rungs (None: all of them); None when it was not trained."""
        path = self._path(arch, rungs, done, "json")
        if not path.exists():
            return None
        with reading(f"{path}: not the result of a rung", fix="delete it"):
            trained = Trained(**_read(path))
            lengths = {len(values) for values in trained.curve.values()} or {0}
            if len(lengths) > 1 or not all(isinstance(x, (int, float)) for v in trained.curve.values() for x in v):
                raise ValueError("curves of different lengths, or not of numbers")
            float(trained.seconds), float(trained.macs)
            return trained

    def save(self, arch: str, rungs: Rungs, trained: Trained, state: Mapping[str, Tensor]) -> None:
        """Keeps a result and the state to go on from; what cannot go on has none."""
        if not self._named:
            write_atomic(self.folder / "identity.json", json.dumps(self._header))
            self._named = True
        if state:
            save_tensors(self._path(arch, rungs, trained.epochs, "safetensors"), STATE, state, {"arch": arch})
        path = self._path(arch, rungs, None if trained.error else trained.epochs, "json")
        write_atomic(path, trained.to_json())

    def ask_for(self, arch: str, rungs: Rungs) -> Trained | None:
        """The result after all epochs of the rungs, which is no longer one that only guards."""
        if (trained := self.load(arch, rungs)) is not None and trained.guard:
            trained = replace(trained, guard=False)
            write_atomic(self._path(arch, rungs, None, "json"), trained.to_json())
        return trained

    def forget_guard(self, arch: str, rungs: Rungs, done: int) -> None:
        """Deletes the result and state of the epoch before the last one, if they only guard against a kill."""
        for number, rung in enumerate(rungs, start=1):
            first = (rungs[number - 2].epochs or 0) if number > 1 else 0  # those of a rung that ends are asked for
            if first + 1 < done <= (rung.epochs or 0):
                if (before := self.load(arch, rungs[:number], done - 1)) is not None and before.guard:
                    for suffix in ("safetensors", "json"):
                        self._path(arch, rungs[:number], done - 1, suffix).unlink(missing_ok=True)
                return

    def beginning(self, arch: str, rungs: Rungs) -> tuple[Trained, dict[str, Tensor] | None]:
        """The longest part of a training that is here, with the state to go on from (None: nothing is here)."""
        for last in range(len(rungs), 0, -1):
            least = rungs[last - 2].epochs if last > 1 else 0
            for done in range(rungs[last - 1].epochs or 0, least or 0, -1):
                path = self._path(arch, rungs[:last], done, "safetensors")
                if path.exists() and (trained := self.load(arch, rungs[:last], done)):
                    return trained, load_tensors(path, STATE)[0]
        return Trained({}), None

    def name(self, trial: str, arch: str, rungs: Rungs) -> None:
        """Remembers how far a trial came, so that another can resume it."""
        known = {"trial": trial, "arch": arch, "rungs": [asdict(rung) for rung in rungs]}
        write_atomic(self._trial(trial), json.dumps(known))

    def rungs_of(self, trial: str, arch: str) -> Rungs:
        """The rungs of a trial."""
        known, rungs = self.trial(trial)
        if known != arch:
            raise ConfigError(
                "a trial resumes another architecture",
                got=arch,
                expected=known,
                fix="resume its own, or take an estimator that hands weights on: estimator=morphism",
            )
        return rungs

    def trial(self, trial: str) -> tuple[str, Rungs]:
        """What a trial was called when it was trained, and its rungs.

        Raises:
            ConfigError: there is none of this name.
        """
        if not (path := self._trial(trial)).exists():
            raise ConfigError("no trial of this id has been trained here", got=trial, fix="resume one that has")
        known = _read(path)
        with reading(f"{path}: not a trial", fix="delete it"):
            rungs = tuple(Fidelity(**rung) for rung in known["rungs"])
            if any((rung.epochs or 0) > MOST_EPOCHS for rung in rungs):
                raise ValueError(f"more than {MOST_EPOCHS} epochs")
            return str(known["arch"]), rungs

    def _trial(self, trial: str) -> Path:
        return self.folder / "trials" / f"{_digest(trial)}.json"

    def _path(self, arch: str, rungs: Rungs, done: int | None, suffix: str) -> Path:
        if done is not None and not rungs[-1].anneal:  # the same as a training that was to stop here
            rungs, done = (*rungs[:-1], replace(rungs[-1], epochs=done)), None
        if done == rungs[-1].epochs:
            done = None
        return self.folder / f"{_digest([arch, [asdict(rung) for rung in rungs], done])}.{suffix}"


def _digest(what: Any) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, Any]:
    with reading(f"{path} is damaged", fix="delete it"):
        content = read_json(path)
    if not isinstance(content, dict):
        raise DataError(f"{path} is damaged", got=type(content).__name__, expected="an object", fix="delete it")
    return content


class Start(NamedTuple):
    """What a rung begins with: the trainer, multiply-adds of an epoch, and seconds spent on making the trainer."""

    trainer: NetworkTrainer
    macs: float
    seconds: float = 0.0


def train_rungs(store: RungStore, key: str, rungs: Rungs, make: Callable[[Fidelity], Start]) -> Trained:
    """Trains what is not in the store yet under a key; after a kill it goes on from the last epoch.

    `make` makes what a rung begins with; a state in the store then replaces it. Where the loss was no longer finite,
    the result has an `error`, which is kept too.
    """
    if (known := store.ask_for(key, rungs)) is not None:
        store.forget_guard(key, rungs, known.epochs)  # which a kill left
        return known
    run, state = store.beginning(key, rungs)
    store.forget_guard(key, rungs, run.epochs)
    for number, rung in enumerate(rungs, start=1):
        if (rung.epochs or 0) <= run.epochs:
            continue
        trainer, macs, seconds = make(rung)
        run = replace(run, seconds=run.seconds + seconds)
        if state is not None:
            trainer.load_state_dict(state)
        while trainer.epoch < (rung.epochs or 0):
            started = time.perf_counter()
            try:
                result = trainer.run_epoch()
            except TrainingError as error:
                run = replace(run, error=str(error), seconds=run.seconds + time.perf_counter() - started)
                store.save(key, rungs, run, {})
                return run
            run = run.add(asdict(result), time.perf_counter() - started, macs)
            run = replace(run, guard=trainer.epoch < (rung.epochs or 0))
            store.save(key, rungs[:number], run, trainer.state_dict())
            store.forget_guard(key, rungs, run.epochs)
        state = trainer.state_dict()
    return run


def epoch_macs(graph: Graph, task: Task, recipe: Recipe) -> float:
    """Multiply-adds of one epoch, validation included."""
    seen = max(1, len(task.train) // recipe.batch_size) * min(recipe.batch_size, len(task.train))
    return float(graph_stats(graph).macs * (PASSES * seen + len(task.val)))
