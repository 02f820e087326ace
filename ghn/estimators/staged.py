"""Training over rungs, with every epoch kept on disk: what low fidelity and morphisms have in common."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import NamedTuple

from ghn.errors import TrainingError
from ghn.estimators.rungs import Fidelity, Rungs, RungStore, Trained
from ghn.graph.ir import Graph
from ghn.graph.stats import graph_stats
from ghn.tasks.images import ImageTask
from ghn.train.loop import NetworkTrainer, Recipe

PASSES = 3  # of the forward pass's multiply-adds in a step: forward, gradients of the inputs, gradients of the weights


class Start(NamedTuple):
    """What a rung begins with: the trainer, multiply-adds of an epoch, and seconds spent on making the trainer."""

    trainer: NetworkTrainer
    macs: float
    seconds: float = 0.0


def train_rungs(store: RungStore, key: str, rungs: Rungs, make: Callable[[Fidelity], Start]) -> Trained:
    """Trains what is not in the store yet; after a kill it goes on from the last epoch.

    Args:
        store: of results and states.
        key: of the training in it.
        rungs: to go through.
        make: makes what a rung begins with; a state in the store then replaces it.

    Returns:
        The result; with an `error` where the loss was no longer finite, which is kept too.
    """
    if (known := store.load(key, rungs)) is not None:
        return known
    run, state = store.beginning(key, rungs)
    begun = run.epochs
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
            done, run = run.epochs, run.add(asdict(result), time.perf_counter() - started, macs)
            store.save(key, rungs[:number], run, trainer.state_dict())
            if done > max(begun, rungs[number - 2].epochs or 0 if number > 1 else 0):  # guards against a kill only
                store.forget(key, rungs[:number], done)
        state = trainer.state_dict()
    return run


def epoch_macs(graph: Graph, task: ImageTask, recipe: Recipe) -> float:
    """Multiply-adds of one epoch, validation included."""
    seen = max(1, len(task.train) // recipe.batch_size) * min(recipe.batch_size, len(task.train))
    return float(graph_stats(graph).macs * (PASSES * seen + len(task.val)))
