"""How well everything orders the report sample of NAS-Bench-201, with 0, 20, 50 and 100 references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.analysis.correlation import MIN_ITEMS, ceiling, kendall, rank
from ghn.app.evaluation import check_folder, evaluate
from ghn.app.setting import Entry, Setting, open_checkpoint
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.report.comparison import print_report
from ghn.scoring.combined import LIVE_PARAMETERS, Combined
from ghn.scoring.model import PROXY, Model, make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.members import live_params
from ghn.spaces.nasbench201.benchmark import EMBEDDED, load_sample
from ghn.tables.lookup import Recorded
from ghn.tables.references import ReferenceTable
from ghn.types import Estimator, Score, Trial
from studies.run import run_study, write_json

KEYS = ("kendall", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups", "regret@10")


def nasbench201_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Scores both samples once with every checkpoint, then ranks the report sample in many ways.

    The first checkpoint stands in the report, the others in the spread over trainings. References are drawn from the
    development sample, whose networks are not in the report sample.
    """
    folder = Path(options["out"])
    check_folder(folder, resume=options["resume"])
    if options["draws"] < 1:
        raise ConfigError("draws of references must be at least 1", got=options["draws"])
    space, runs = setting.space, []
    pool = load_sample("development").archs()[: options["pool"]]
    report = load_sample("report").archs()[: options["n"]]
    report.sort()  # resamples depend on the order: that of the alphabet keeps to published figures
    for number, checkpoint in enumerate(setting.checkpoints):
        _, model = open_checkpoint(setting, checkpoint)
        place = folder / "members" / str(number)
        runs.append(Readings(model, setting, [*pool, *report], place, progress=options["progress"]))
    entries = [entry for size in options["sizes"] for entry in runs[0].entries(size, draw=0)]
    page = evaluate(
        runs[0].alone() + entries,
        space,
        report,
        [known_benchmark(space).published(report)],
        folder / "report",
        resume=options["resume"],
        bootstrap=options["bootstrap"],
        progress=False,
        metadata={"candidates": f"{len(report)} of the report sample", "checkpoints": list(setting.checkpoints)},
    )
    print_report(page)
    spread = spread_over_draws(runs, report, options["sizes"], options["draws"])
    embedded = order_of_embedded(runs, options["draws"])
    write_json(folder / "spread.json", {"published": spread, "own": embedded})
    _print_spread(spread, len(runs), options["draws"])
    if embedded:
        _print_embedded(embedded)
    print(f"wrote {folder}/report/report.html, report.json and {folder}/spread.json")


class Readings:
    """One checkpoint, with the readings of both samples.

    Args:
        model: the hypernetwork.
        setting: task and space.
        archs: official strings of the networks to read.
        folder: for the readings, which a second run takes up again.
        progress: whether to show bars.
    """

    def __init__(self, model: Model, setting: Setting, archs: Sequence[str], folder: Path, *, progress: bool) -> None:
        self.model, self.space = model, setting.space
        self.digests = [one.digest for one in (model, *model.companions)]
        self.development = load_sample("development")
        trials = [Trial(text, self.space.parse(text)) for text in archs]
        fair = {text for text in archs if self.development.group.get(text) in ("random", "embedded-random")}
        self.pool = [text for text in self.development.accuracy if text in fair]
        ranker = make_ranker(model, task=setting.task)
        self.weights, self.members = ranker.weights, {}
        for name, member in ranker.members.items():
            place = folder.parent if name == PROXY else folder  # the proxy knows no checkpoint
            scores = score_to_file(
                member, trials, place / f"{name}.jsonl", member.identity, progress=progress, label=name
            )
            self.members[name] = Recorded({t.arch: s for t, s in zip(trials, scores, strict=True)})
        everything = Combined(self.space, self.members, self.weights)
        read = everything.read([Trial(text, self.space.parse(text)) for text in self.pool])
        self.population = everything.population_of(read)

    def combined(self, *, hypernetwork: bool = True, company: bool = True) -> Combined:
        """The combined estimator, or a part of it: without the hypernetwork, or that alone."""

        def belongs(name: str) -> bool:
            if name.startswith("ghn"):
                return hypernetwork
            return company

        weights = {name: weight for name, weight in self.weights.items() if belongs(name)}
        members = {name: m for name, m in self.members.items() if any(w.startswith(f"{name}/") for w in weights)}
        return Combined(self.space, members, weights, population=self.population)

    def history(self, size: int, draw: int) -> list[tuple[Trial[Any], Score]]:
        """`size` networks of the development sample with their published accuracies, drawn uniformly."""
        if size > len(self.pool):
            raise ConfigError("the pool of references is too small", got=len(self.pool), expected=f"at least {size}")
        texts = [self.pool[i] for i in np.random.default_rng([draw, size]).choice(len(self.pool), size, replace=False)]
        return [(Trial(t, self.space.parse(t)), Score(self.development.accuracy[t])) for t in texts]

    def estimators(self, size: int, draw: int) -> dict[str, Combined]:
        """What is compared at one number of references: with the hypernetwork, without, and the encoding alone."""
        encoding = Combined(self.space, {}, {LIVE_PARAMETERS: 1.0}, population=self.population)
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
        proxy = "MeCo, random weights"

        def known(name: str, member: str) -> Recorded:
            identity = {"row": name, "weights": self.digests}
            return Recorded(self.members[member].scores, identity=identity)

        rows: dict[str, Estimator[Any]] = {
            f"{first}, loss": known(f"{first}, loss", first),
            "generated weights alone, all skeletons": self.combined(company=False),
            proxy: known(proxy, PROXY),
        }
        trainings = self.model.trainings(companions=True)
        return [Entry(name, e, {} if name == proxy else trainings) for name, e in rows.items()]


def spread_over_draws(
    runs: Sequence[Readings], report: Sequence[str], sizes: Sequence[int], draws: int
) -> dict[str, dict[str, list[float]]]:
    """Each row's statistics for every training and every draw of references: row -> statistic -> numbers."""
    space = runs[0].space
    trials = [Trial(text, space.parse(text)) for text in report]
    accuracy = load_sample("report").accuracy
    values = np.array([accuracy[text] for text in report])
    params = np.array([live_params(space, t.arch) for t in trials], dtype=float)
    out: dict[str, dict[str, list[float]]] = {}

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


def _print_embedded(found: Mapping[str, Any]) -> None:
    print(f"Kendall on the {found['networks']} own references that were not given, mean (standard deviation):")
    for name, numbers in found["kendall"].items():
        print(f"  {name}: {np.mean(numbers):.3f} ({np.std(numbers):.3f})")
    print(f"  ceiling, a second training of the same network: {found['ceiling']:.3f}")
    print(f"  the own references themselves against the published accuracies: {found['small_skeleton']:.3f}")


def _print_spread(spread: Mapping[str, Mapping[str, Sequence[float]]], trainings: int, draws: int) -> None:
    title = f"Mean (standard deviation) over {trainings} trainings and {draws} draws of references"
    table = Table(title=title)
    table.add_column("estimator")
    for key in ("all", "best half", "best 20 %", "equal live parameters", "regret@10"):
        table.add_column(key, justify="right")
    for name, statistics in spread.items():
        cells = [f"{np.mean(v):.3f} ({np.std(v):.3f})" if (v := statistics.get(key)) else "-" for key in KEYS]
        table.add_row(name, *cells)
    Console(width=140).print(table)


GIVEN = 50  # of the 96 own references; the others are ranked


def order_of_embedded(runs: Sequence[Readings], draws: int) -> dict[str, Any]:
    """Kendall on own references that were not given, beside two ceilings.

    Returns:
        `kendall`: row -> one number a training and draw; `ceiling`: a second training of the same network;
        `small_skeleton`: the own references themselves against the published accuracies, which is as far as anything
        that is right about the small skeleton can come there. Empty where a run has not read enough of them.
    """
    table = ReferenceTable.load(asset(EMBEDDED))
    values, (_, seeds) = table.value("test_accuracy"), table.seeds("test_accuracy")
    found: dict[str, list[float]] = {}
    for run in runs:
        texts = [t for t in values if run.space.parse(t) in next(iter(run.members.values())).scores]
        if len(texts) < GIVEN + MIN_ITEMS:
            return {}
        for draw in range(draws):
            for name, value in _draw(run, texts, values, draw).items():
                found.setdefault(name, []).append(value)
    published = runs[0].development.accuracy
    both = [t for t in values if t in published]
    return {
        "kendall": found,
        "networks": len(values) - GIVEN,
        "ceiling": ceiling(seeds, bootstrap=0)["kendall"].value,
        "small_skeleton": kendall([values[t] for t in both], [published[t] for t in both]),
    }


def _draw(run: Readings, texts: Sequence[str], values: Mapping[str, float], draw: int) -> dict[str, float]:
    order = np.random.default_rng([draw, GIVEN]).permutation(len(texts))
    given, rest = (
        [Trial(texts[i], run.space.parse(texts[i])) for i in part] for part in (order[:GIVEN], order[GIVEN:])
    )
    rows = {
        "combined, no references": run.combined(),
        f"combined, {GIVEN} references": run.combined(),
        f"without the hypernetwork, {GIVEN} references": run.combined(hypernetwork=False),
    }
    found = {}
    for name, estimator in rows.items():
        if "no references" not in name:
            estimator.fit([(trial, Score(values[trial.id])) for trial in given])
        tau = kendall([s.value for s in estimator.score(rest)], [values[t.id] for t in rest])
        if tau is not None:
            found[name] = tau
    return found


if __name__ == "__main__":
    run_study("nasbench201", nasbench201_study)
