"""All readings of the networks of two samples, taken once, and what is made of them with any number of references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.analysis.correction import LEAST, Population
from ghn.analysis.correlation import rank
from ghn.app.setting import Entry, Setting
from ghn.errors import ConfigError
from ghn.scoring.combined import Combined
from ghn.scoring.model import Model
from ghn.scoring.panel import SIZE, members_of
from ghn.scoring.ranker import PROXY, make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.scoring.zero_cost import make_zero_cost
from ghn.spaces.members import live_params
from ghn.tables.lookup import Recorded
from ghn.types import Estimator, Score, Trial

KEYS = ("kendall", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups", "regret@10", "ndcg@10%")
TITLES = ("all", "best half", "best 20 %", "equal live parameters", "regret@10", "nDCG@10 %")
Spread = dict[str, dict[str, list[float]]]  # row -> statistic -> a number a training and draw


class Readings:
    """One checkpoint, with its readings of networks that are ranked and of others, from which references are drawn.

    Args:
        model: the hypernetwork.
        setting: task and space.
        pool: accuracies of the networks from which references are drawn, by official string; their readings are what is
            usual of a part of the recipe, and of the whole where the checkpoint's card does not say it.
        archs: official strings of all networks to read.
        folder: for the readings, which a second run takes up again.
        proxies: zero-cost proxies that have a row of their own.
        progress: whether to show bars.
    """

    def __init__(
        self,
        model: Model,
        setting: Setting,
        pool: Mapping[str, float],
        archs: Sequence[str],
        folder: Path,
        *,
        proxies: Sequence[str] = (),
        progress: bool,
    ) -> None:
        self.model, self.space, self.pool, self.proxies = model, setting.space, dict(pool), tuple(proxies)
        self.digests = [one.digest for one in (model, *model.companions)]
        trials = [Trial(text, self.space.parse(text)) for text in archs]
        ranker = make_ranker(model, task=setting.task)
        self.ranker, self.members = ranker, {}
        made: dict[str, Estimator[Any]] = dict(ranker.members)
        made |= {name: make_zero_cost(name, self.space, setting.task, setting.fabric) for name in proxies}
        for name, member in made.items():
            place = folder if name.startswith("ghn") else folder.parent  # proxies know no checkpoint
            scores = score_to_file(
                member, trials, place / f"{name}.jsonl", member.identity, progress=progress, label=name
            )
            self.members[name] = Recorded({t.arch: s for t, s in zip(trials, scores, strict=True)})
        self.population = self._usual(self.combined())

    def _trials(self, texts: Sequence[str]) -> list[Trial[Any]]:
        return [Trial(text, self.space.parse(text)) for text in texts]

    def combined(self, *, hypernetwork: bool = True, company: bool = True) -> Combined:
        """The combined estimator, or a part of it: without the hypernetwork, or that alone."""

        def belongs(name: str) -> bool:
            return hypernetwork if name.startswith("ghn") else company

        weights = {name: weight for name, weight in self.ranker.weights.items() if belongs(name)}
        found = Combined(self.space, self._asked(weights), weights, **self.ranker.options(weights))
        found.population = self._usual(found)
        return found

    def _asked(self, weights: Mapping[str, float]) -> dict[str, Recorded]:
        asked = members_of(*weights)
        return {name: one for name, one in self.members.items() if name in asked}

    def _usual(self, panel: Combined) -> Population:
        """What is usual of readings, and how they share their votes: as the card says, which is what `rank` does.

        Of a part of the recipe no card says how votes are shared, and where there is no card nothing: the pool tells.
        """
        usual = self.ranker.population
        if usual is not None and set(panel.weights) == set(self.ranker.weights):
            return usual
        if len(self.pool) >= LEAST or usual is None:
            return panel.population_of(panel.read(self._trials(list(self.pool))))
        # of a part of the recipe nobody knows how votes are shared, and nothing confirms further readings
        return Population(usual.quantiles, {name: float(name not in panel.further) for name in panel.weights})

    def history(self, size: int, draw: int) -> list[tuple[Trial[Any], Score]]:
        """`size` networks of the pool with their accuracies, drawn uniformly."""
        texts = list(self.pool)
        if size > len(texts):
            raise ConfigError("the pool of references is too small", got=len(texts), expected=f"at least {size}")
        drawn = np.random.default_rng([draw, size]).choice(len(texts), size, replace=False)
        return [(trial, Score(self.pool[trial.id])) for trial in self._trials([texts[i] for i in drawn])]

    def estimators(self, size: int, draw: int) -> dict[str, Combined]:
        """What is compared at one number of references: with the hypernetwork, without, and the encoding alone."""
        usual = Population(self.population.quantiles)
        encoding = Combined(self.space, {}, {SIZE: 1.0}, population=usual, features=self.ranker.features)
        found = {"combined": self.combined(), "without the hypernetwork": self.combined(hypernetwork=False)}
        if size:
            found["encoding alone"] = encoding
        history = self.history(size, draw)
        for estimator in found.values():
            estimator.fit(history)
        return found

    def entries(self, size: int, draw: int) -> list[Entry]:
        """The same as rows of a report."""
        label = f"{size} references" if size else "no references"
        return [Entry(f"{name}, {label}", e) for name, e in self.estimators(size, draw).items()]

    def alone(self) -> list[Entry]:
        """Rows of single estimators."""
        first = next(name for name in self.members if name.startswith("ghn"))
        trainings = self.model.trainings(companions=True)
        rows = [
            Entry(f"{first}, loss", self._known(f"{first}, loss", first), trainings),
            Entry("generated weights alone, all skeletons", self.combined(company=False), trainings),
        ]
        if PROXY in self.members:
            rows.append(Entry(name := "MeCo, random weights", self._known(name, PROXY)))
        return [*rows, *(Entry(name, self._known(name, name)) for name in self.proxies)]

    def _known(self, name: str, member: str) -> Recorded:
        identity = {"row": name, "weights": self.digests}
        return Recorded(self.members[member].scores, identity=identity)


def spread_over_draws(
    runs: Sequence[Readings], accuracy: Mapping[str, float], sizes: Sequence[int], draws: int
) -> Spread:
    """Each row's statistics for every training and every draw of references, on networks of known accuracy."""
    space = runs[0].space
    trials = [Trial(text, space.parse(text)) for text in accuracy]
    values = np.array(list(accuracy.values()))
    params = np.array([live_params(space, t.arch) for t in trials], dtype=float)
    out: Spread = {}

    def add(name: str, scores: Iterable[Score]) -> None:
        found = rank(np.array([s.value for s in scores]), values, groups=params, bootstrap=0)
        for key in KEYS:
            if (value := found[key].value) is not None:
                out.setdefault(name, {}).setdefault(key, []).append(value)

    for run in runs:
        for entry in run.alone():
            add(entry.name, entry.estimator.score(trials))
        for size in sizes:
            for draw in range(draws if size else 1):
                for entry in run.entries(size, draw):
                    add(entry.name, entry.estimator.score(trials))
    return out


def print_spread(spread: Spread, trainings: int, draws: int) -> None:
    """A row an estimator: mean and standard deviation of each statistic."""
    title = f"Mean (standard deviation) over {trainings} trainings and {draws} draws of references"
    table = Table(title=title)
    table.add_column("estimator")
    for key in TITLES:
        table.add_column(key, justify="right")
    for name, statistics in spread.items():
        cells = [f"{np.mean(v):.3f} ({np.std(v):.3f})" if (v := statistics.get(key)) else "-" for key in KEYS]
        table.add_row(name, *cells)
    Console(width=150).print(table)
