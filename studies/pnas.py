"""Progressive against random search at equal numbers of trainings, simulated on a published table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.families.surrogates.models import make_model
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.score_files import score_to_file
from ghn.search.guided import ProgressiveSearch
from ghn.spaces.nasbench201.published import read_analog_nasbench
from ghn.tables.lookup import distinct_references
from ghn.types import Score, Trial
from studies.measurement import Measurement
from studies.run import run_study, write_json

RANDOM = "random search"
LEVELS = 4  # of NAS-Bench-201: a cell has at most four paths that add an edge each


def pnas_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Searches the published table with `draws` seeds, with each surrogate and at random.

    A training is looked up: it gives the published accuracy of its function. Regret is the best of all functions minus
    the best that was trained, so that selection is free of noise.
    """
    folder, draws = Path(options["out"]), options["draws"]
    check_folder(folder, resume=options["resume"])
    if draws < 1:
        raise ConfigError("a comparison of searches needs at least one draw", got=draws)
    for model in options["models"]:
        make_model(model)  # unknown ones are refused before anything is searched
    searches = PublishedSearch(setting.space, options["beam"])
    names = [*(f"PNAS, {model}" for model in options["models"]), RANDOM]
    trials = [Trial(f"{name}/{seed}", (name, seed)) for seed in range(draws) for name in names]
    identity = {"space": repr(setting.space), "beam": options["beam"]}
    scores = score_to_file(
        Measurement(searches.measure),
        trials,
        folder / "searches.jsonl",
        identity,
        progress=options["progress"],
        label="searches",
    )
    found: dict[str, list[list[float]]] = {name: [] for name in names}  # regret after each training, one list a seed
    for trial, score in zip(trials, scores, strict=True):
        found[trial.arch[0]].append(score.extra["regret"])
    write_json(folder / "pnas.json", {"regret": found, "identity": identity, "made": machine()})
    print_searches(found, options["beam"])
    print(f"wrote {folder}/pnas.json")


class PublishedSearch:
    """Searches of the published table.

    Args:
        space: of the table.
        beam: trainings a level of PNAS.
    """

    def __init__(self, space: Any, beam: int) -> None:
        self.space, self.beam = space, beam
        known = distinct_references(space, read_analog_nasbench())
        self._accuracy = {space.canonical(space.parse(text)): value for text, value in known.items()}

    def measure(self, name: str, seed: int) -> Score:
        """Minus the final regret of a search, and in `extra` the regret after each training."""
        trainings = self.beam * LEVELS
        values = self._random(seed, trainings) if name == RANDOM else self._progressive(name.split(", ")[1], seed)
        regret = max(self._accuracy.values()) - np.maximum.accumulate(values)
        return Score(-float(regret[-1]), budget=len(values), extra={"regret": regret.tolist()})

    def _random(self, seed: int, trainings: int) -> list[float]:
        every = sorted(self._accuracy.values())
        return [every[i] for i in np.random.default_rng(seed).choice(len(every), trainings, replace=False)]

    def _progressive(self, model: str, seed: int) -> list[float]:
        surrogate = SurrogateEstimator(self.space, model=model, seed=seed)
        searcher = ProgressiveSearch(self.space, seed, surrogate=surrogate, beam=self.beam)
        values: list[float] = []
        while trials := searcher.ask(self.beam):
            for trial in trials:
                values.append(self._accuracy[self.space.canonical(trial.arch)])
                searcher.tell(trial, Score(values[-1]))
        return values


def print_searches(found: Mapping[str, Sequence[Sequence[float]]], beam: int) -> None:
    """Prints the regret, in points of accuracy, after each level."""
    table = Table(title="Regret in points: mean (standard deviation), median over seeds")
    table.add_column("search")
    steps = range(beam, min(len(r) for held in found.values() for r in held) + 1, beam)
    for step in steps:
        table.add_column(f"{step} trainings", justify="right")
    for name, held in found.items():
        points = [[100 * regret[step - 1] for regret in held] for step in steps]
        table.add_row(name, *(f"{np.mean(p):.2f} ({np.std(p):.2f}), {np.median(p):.2f}" for p in points))
    Console(width=140).print(table)


if __name__ == "__main__":
    run_study("pnas", pnas_study)
