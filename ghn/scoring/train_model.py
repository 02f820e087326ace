"""Training of what makes weights from first to last: net, trainer, ranking check, checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

import torch
from lightning_fabric import Fabric
from torch import nn

from ghn.analysis.correlation import MIN_ITEMS, kendall
from ghn.errors import CheckpointError, ConfigError, ExistsError, GhnError
from ghn.nets.ghn import GHN, GHNConfig
from ghn.nets.net import KINDS, Net
from ghn.nets.vocabulary import grown_for
from ghn.scoring.card import SAFE_TASKS
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.load import CHECKPOINT, load, load_start
from ghn.scoring.model import Model
from ghn.scoring.panel import check_usual
from ghn.scoring.ranker import measure_population, usual_of
from ghn.scoring.readouts import Sample
from ghn.spaces.candidates import benchmark_of, known_benchmark
from ghn.tables.references import aligned, some_of, table_reference
from ghn.tasks import make_task
from ghn.tasks.outputs import kind_of
from ghn.train.checkpoint import read_header
from ghn.train.loop import Check, Loop, Step, kept_folder, last_values
from ghn.train.meta import MetaConfig, MetaStep
from ghn.train.runtime import check_memory, ranks_of
from ghn.types import Space, Task, Trial


class Options(TypedDict, total=False):
    """How any training of what makes weights is run, beside the training itself.

    Attributes:
        scoring_task: name and options of the task on whose validation images the checkpoint scores by default; one of
            the well-known tasks, or None where the user must give it.
        check: references in the ranking check beside the loss, 40 by default; 0 for none.
        references: a table of them; by default those of the space's benchmark, where they fit the images.
        snapshots: keep the averaged network at every check, as `checkpoint-STEP.safetensors`: the last one is not
            always the one that orders best.
        resume: go on with the run in the folder.
        progress: whether to show a bar, as by default.
        command: kept in the checkpoint's card.
    """

    scoring_task: Mapping[str, Any] | None
    check: int
    references: Path | str | None
    snapshots: bool
    resume: bool
    progress: bool
    command: str


def train_hypernetwork(
    config: GHNConfig,
    space: Space[Any],
    task: Task,
    trainer: MetaConfig,
    fabric: Fabric,
    folder: Path | str,
    *,
    population: int = 0,
    start: Path | str | None = None,
    **options: Unpack[Options],
) -> Model:
    """Trains a hypernetwork and writes `checkpoint.safetensors` beside the run's state and log.

    Args:
        config: of the hypernetwork; it is grown by the operations and kinds of parameters of the space.
        space: of the architectures.
        task: only its train split is learnt from.
        trainer: how to train.
        fabric: the device.
        folder: of the run.
        population: networks over which the card keeps what readings are usual, so that `Model.rank` can judge a single
            architecture, on the images of the scoring task, or of `task` where there is none; 0 for none.
        start: checkpoint of a hypernetwork to start from, of any space and classes, or `shipped`; `config` then gives
            the number of classes alone.
        options: `Options`.

    Raises:
        ConfigError: a population of too few networks, or a config of other classes than the task has.
        ExistsError: the folder holds a run and `resume` is not set.
        DataError: the table of references that was given does not fit.
        TrainingError: the loss is no longer finite; the last good state has been saved.
    """
    _check_outputs(config.classes, task)
    if population:
        check_usual(space, population)
    known, header = load_start(start) if start is not None else (None, {})
    if known is not None:
        config = replace(known.config, classes=config.classes, tasks={})
    config = grown_for(config, space, trainer.skeletons)
    with torch.device("meta"):
        check_memory(fabric, sum(p.numel() for p in GHN(config).parameters()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(trainer.seed)
        net = GHN(config)
    identity, said = {"net": config.describe()}, dict[str, Any]()
    if known is not None:
        net.start_from(known)
        identity["start"] = header["digest"]
        said["started_from"] = {"digest": header["digest"], "space": header["card"]["space"]}
        said["started_from"]["seconds"] = header["card"].get("seconds")
    step = MetaStep(net, space, task, trainer, fabric, identity=identity)
    with kept_folder(folder, fabric):
        before = _measured(Path(folder) / CHECKPOINT) if population and options.get("resume") else {}
        model = train_weights(step, space, task, trainer, fabric, folder, card=lambda _: said, **options)
        if population and ranks_of(fabric).is_first:
            images = task if model.card["scoring_task"] is None else None
            same = model.digest, model.images(images).checksum, population
            held = before.get(same) or measure_population(
                model, population, task=images, progress=options.get("progress", True)
            )
            model.card["population"] = held
            model.save(Path(folder) / CHECKPOINT)
    return model


def _measured(path: Path) -> dict[tuple[Any, ...], Mapping[str, Any]]:
    """What a checkpoint that is there says is usual, by its weights, images and number of networks: of a training
    that had ended nothing is measured again, so that nothing is lost where that is interrupted.
    """
    with suppress(CheckpointError):  # there is none, or none that can be read: it is written anew
        header, _ = read_header(path, *KINDS)
        if held := usual_of(header["card"]):
            return {(header["digest"], held.get("task_checksum"), held.get("networks")): held}
    return {}


def train_weights(
    step: Step,
    space: Space[Any],
    task: Task,
    trainer: MetaConfig,
    fabric: Fabric,
    folder: Path | str,
    *,
    card: Callable[[nn.Module], Mapping[str, Any]] | None = None,
    net_of: Callable[[nn.Module], Any] | None = None,
    **options: Unpack[Options],
) -> Model:
    """Runs a training of anything that makes weights, and writes its checkpoint.

    Of several ranks the first writes it, and the others return the same weights without waiting for what it adds.

    Args:
        step: of the training.
        space: of the architectures.
        task: of the images.
        trainer: how long the training goes on.
        fabric: the device.
        folder: of the run.
        card: what a finished training, whose model it is given, adds to the card.
        net_of: what of the step's model makes weights, where that is not all of it.
        options: `Options`.

    Raises:
        GhnError: as `train_hypernetwork`.
    """
    net = net_of(step.model) if net_of else step.model
    assert isinstance(net, Net)
    _check_outputs(net.config.classes, task)
    with kept_folder(folder, fabric):
        return _train(step, space, task, trainer, fabric, Path(folder), card, net_of, options)


def _train(
    step: Step,
    space: Space[Any],
    task: Task,
    trainer: MetaConfig,
    fabric: Fabric,
    folder: Path,
    card: Callable[[nn.Module], Mapping[str, Any]] | None,
    net_of: Callable[[nn.Module], Any] | None,
    options: Options,
) -> Model:
    """Trains in a folder that is this run's alone."""
    scoring_task, resume = options.get("scoring_task"), options.get("resume", False)
    snapshots, n = options.get("snapshots", False), options.get("check", 40)
    ranks = ranks_of(fabric)
    if not resume and ranks.first((folder / CHECKPOINT).exists):
        raise ExistsError(
            "the folder holds a checkpoint already",
            got=str(folder),
            fix="choose another folder (out=...), or go on with its run: resume=true, in Python resume=True",
        )
    if scoring_task is not None and scoring_task.get("name") not in SAFE_TASKS:
        scoring_task = None
    if scoring_task is not None:  # nothing is augmented while scoring
        scoring_task = {key: value for key, value in scoring_task.items() if key != "augment"}
    ranking = _ranking_check(space, task, scoring_task, fabric, n, options.get("references")) if n else None

    def save(trained: nn.Module, name: str, **more: Any) -> None:
        net = net_of(trained) if net_of else trained
        assert isinstance(net, Net)
        made = {
            "trainer": step.identity["trainer"],
            "step": run.done,
            "seconds": run.seconds,
            "device": str(fabric.device),
            "metrics": last_values(folder),
            "task": task.describe(),
            "scoring_task": scoring_task,
            "command": options.get("command", ""),
        }
        Model(net, space, {**made, **more}, fabric).save(folder / name)

    def watch(averaged: nn.Module) -> dict[str, float | None]:
        if snapshots:
            save(averaged, f"checkpoint-{run.done}.safetensors")
        return ranking(averaged) if ranking else {}

    run = Loop(step, trainer, fabric, folder, resume=resume, check=watch if snapshots or ranking else None)
    trained = run.run(progress=options.get("progress", True))
    if not ranks.is_first:
        net = net_of(trained) if net_of else trained
        assert isinstance(net, Net)
        return Model(net, space, {"task": task.describe(), "scoring_task": scoring_task}, fabric)
    save(trained, CHECKPOINT, **(card(trained) if card else {}))
    return load(folder / CHECKPOINT, fabric=fabric, space=space)


def _check_outputs(classes: int, task: Task) -> None:
    """Refuses what makes weights for another number of outputs than the task asks for, before anything is spent."""
    asked = kind_of(task.describe())["output_shape"]
    if asked != [classes]:
        raise ConfigError(
            f"the hypernetwork is not made for the outputs of task {task.name}",
            got=f"classes={classes}",
            expected=f"outputs {asked}",
            fix=f"GHNConfig(classes={asked[0]})" if len(asked) == 1 else "choose another task",
        )


def _ranking_check(
    space: Space[Any],
    task: Task,
    scoring_task: Mapping[str, Any] | None,
    fabric: Fabric,
    n: int,
    table: Path | str | None,
) -> Check | None:
    """Kendall of the loss against trained references, where there are any for this space and kind of images.

    Logged beside the training loss, because a better loss is not a better order; nothing is chosen by it.
    """
    try:
        images = make_task(**scoring_task) if scoring_task else task
        if table is None:
            reference = known_benchmark(space).trained(images.checksum)
        else:
            reference = table_reference(table, space, images.checksum)
    except GhnError:  # references of another space, skeleton or task: there is nothing to check against
        if table is not None:
            raise
        return None
    many, benchmark = max(n, MIN_ITEMS), benchmark_of(space)
    if table is not None or benchmark is None:
        archs = some_of(reference, many)
    elif len(archs := benchmark.candidates(many, benchmark.samples[0])) < MIN_ITEMS:
        return None
    index, values, _ = aligned(reference, archs)
    trials = [Trial(archs[i], archs[i]) for i in index]
    seen = min(256, len(images.val))

    def check(model: nn.Module) -> dict[str, float | None]:
        engine = WeightedEstimator(model, space, images, fabric, sample=Sample(val=seen, batch=seen))
        scores = engine.score(trials)
        accuracy = [s.extra["accuracy"] for s in scores if s.ok]
        return {
            "check/kendall": kendall([s.value for s in scores], values) if len(accuracy) >= MIN_ITEMS else None,
            "check/accuracy": sum(accuracy) / max(1, len(accuracy)),
        }

    return check
