"""What a search gains from ghn: trainings until the best of a table is found, by searchers alone and with a surrogate.

A searcher is a generator: it yields the next network to train and is sent what its training gave.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table
from tqdm import tqdm

from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError, DataError, check_known
from ghn.families.training.full import TrainingEstimator
from ghn.lines import parse_lines
from ghn.scoring.combined import Combined
from ghn.scoring.panel import Readings, members_of
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import SCHEMA, score_of_row
from ghn.search.basic import RegularizedEvolution
from ghn.search.surrogate import Surrogate
from ghn.tables.lookup import Recorded
from ghn.types import Benchmarked, Reference, Score, Trial
from studies.drawing import axes_grid, line_style, write_figure
from studies.known_networks import KnownNetworks, TrainedNetworks
from studies.ranking import read_accuracies
from studies.run import run_study, write_json

Searcher = Generator[Any, float, None]
TOP = 2.0  # points of regret that the picture shows at least
TRAINED = "trained"  # in place of a table: every network is trained
POOL = 64  # proposals of a plain searcher, of which a surrogate chooses one


def search_gain_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Simulates every searcher, and writes `search_gain.json` and `search_gain.png`.

    Raises:
        ConfigError: no scores are given, or no table is known.
        DataError: a file cannot be used, or the scores lack networks of the table.
        ExistsError: the folder holds results.
        MissingExtraError: TPE needs Optuna.
    """
    plan, out = options["gain"], Path(options["out"])
    check_folder(out, resume=options["resume"])
    if not plan["scores"]:
        made = "`ghn rank_all out=outputs/ranking` makes them, gain.scores=outputs/ranking/scores.jsonl"
        fix = f"{made}; those of a table of another space: docs/search.md"
        raise ConfigError("gain.scores must be given: scores of the table's networks", fix=fix)
    rows = read_scores(Path(plan["scores"]))
    known = _networks(setting, plan["tables"], rows, out)
    read = readings_of(known, rows)
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    ranker = make_ranker(model, task=setting.task)
    hypernetwork = judge_of(known, read, ranker.weights, **ranker.options(ranker.weights))
    without = {name: w for name, w in ranker.weights.items() if not name.startswith("ghn")}
    alone = judge_of(known, read, without, **ranker.options(without))
    searchers: dict[str, tuple[Callable[[KnownNetworks, int], Searcher], int]] = {
        **{name: (make, plan["tpe" if make is tpe else "plain"]) for name, make in PLAIN.items()},
        **{f"{name}, surrogate": (_with(make, alone), plan["trainings"]) for name, make in GUIDED.items()},
        **{f"{name}, hypernetwork": (_with(make, hypernetwork), plan["trainings"]) for name, make in GUIDED.items()},
    }
    for name in plan["searchers"] or ():
        check_known("searcher", name, searchers)
    courses = {}
    for name, (make, trainings) in searchers.items():
        if plan["searchers"] and name not in plan["searchers"]:
            continue
        courses[name] = run_searcher(known, make, plan["seeds"], trainings, label=name, progress=options["progress"])
    found = {name: regrets(known, course) for name, course in courses.items()}
    summary = summarise(found, known, plan)
    write_json(out / "search_gain.json", summary)
    write_figure(gain_figure(summary), out / "search_gain")
    print_gain(summary)
    print(f"wrote {out}/search_gain.json and search_gain.png")


# --- what is known ---


def _networks(setting: Setting, tables: Sequence[str], rows: Mapping[str, Readings], out: Path) -> KnownNetworks:
    if TRAINED not in tables:
        return KnownNetworks(setting.space, joined([_reference(setting, table) for table in tables]))
    if len(tables) > 1:
        raise ConfigError("networks that are trained stand in no table", got=list(tables), expected=f"[{TRAINED}]")
    trainer = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    return TrainedNetworks(rows, trainer, out / "references.jsonl")


def _reference(setting: Setting, table: str) -> Reference:
    if table != "published":
        return read_accuracies(table, setting.space)
    if not isinstance(setting.space, Benchmarked):
        raise ConfigError(f"nothing published is known of space {setting.space.name}", fix="gain.tables=[TABLE.csv]")
    return setting.space.benchmark().every()


def joined(references: Sequence[Reference]) -> Reference:
    """Several tables as one."""
    values = {text: value for one in references for text, value in one.values.items()}
    seeds = {text: several for one in references for text, several in one.seeds.items()}
    return Reference(", ".join(one.name for one in references), references[0].unit, values, seeds)


def read_scores(path: Path) -> dict[str, Readings]:
    """What the members of `combined` read of each network, by its official string, from a file of its scores.

    Raises:
        DataError: no such file.
    """
    try:
        lines, _ = parse_lines(path.read_bytes(), path, "scores")
    except OSError as error:
        raise DataError("the scores cannot be read", got=str(error)) from None
    if not lines or not isinstance(lines[0].row, dict) or lines[0].row.get("schema") != SCHEMA:
        raise DataError(f"{path} is no file of scores", expected=f"a first line with the schema {SCHEMA}")
    scores = {row["id"]: score_of_row(row) for _, row, _ in lines[1:]}
    return {text: Readings(dict(score.extra), score.cost_seconds) for text, score in scores.items() if score.ok}


def readings_of(known: KnownNetworks, rows: Mapping[str, Readings]) -> dict[Any, Readings]:
    """The same by canonical form.

    Raises:
        DataError: networks are missing.
    """
    found = {known.canonical(known.parse(text)): read for text, read in rows.items()}
    if missing := [known.format(arch) for arch in known.members if known.canonical(arch) not in found]:
        raise DataError("gain.scores lacks networks of the table", got=f"{len(missing)}, such as {missing[0]}")
    return found


class _FromFile(Combined):
    """The combined estimator on readings that are there."""

    def __init__(
        self, known: KnownNetworks, read: Mapping[Any, Readings], weights: Mapping[str, float], **how: Any
    ) -> None:
        none = Recorded({arch: Score(0.0) for arch in known.members})  # is never asked
        super().__init__(known.space, dict.fromkeys(members_of(*weights), none), weights, **how)
        self.there = read
        self.population = self.population_of(list(read.values()))

    def read(self, trials: Sequence[Trial[Any]]) -> list[Readings]:
        return [self.there[self.space.canonical(trial.arch)] for trial in trials]


def judge_of(known: KnownNetworks, read: Mapping[Any, Readings], weights: Mapping[str, float], **how: Any) -> Combined:
    """The combined estimator of some readings; what is usual is that of all networks of the table.

    `how` is `Combined.options`.
    """
    return _FromFile(known, read, weights, **how)


# --- searchers ---


def random_search(known: KnownNetworks, seed: int) -> Searcher:
    """All networks in random order."""
    order = list(known.members)
    Random(seed).shuffle(order)
    for arch in order:
        _ = yield arch  # what its training gave changes nothing


def evolution(known: KnownNetworks, seed: int) -> Searcher:
    """Aging evolution of 20 networks, five in a tournament, that trains no function twice."""
    searcher = RegularizedEvolution(known, seed, population=20, sample=5, distinct=True)
    while trials := searcher.ask(1):
        value = yield trials[0].arch
        searcher.tell(trials[0], Score(value))


def tpe(known: KnownNetworks, seed: int) -> Searcher:
    """Optuna's sampler at its defaults; a proposal stands for the most similar network that is not trained yet."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    left = np.ones(len(known.members), dtype=bool)
    place = {known.canonical(arch): i for i, arch in enumerate(known.members)}
    while left.any():
        trial = study.ask()
        chosen = [trial.suggest_categorical(name, range(len(options))) for name, options in known.decisions]
        arch = known.nearest(chosen, left)
        left[place[known.canonical(arch)]] = False
        value = yield arch
        study.tell(trial, value)


def suggested(known: KnownNetworks, seed: int, judge: Combined) -> Searcher:
    """`ghn.Surrogate.suggest`."""
    surrogate = Surrogate(judge, known, seed=seed)
    while chosen := surrogate.suggest(1):
        surrogate.observe(chosen[0], (yield chosen[0]))


def screened_random(known: KnownNetworks, seed: int, judge: Combined) -> Searcher:
    """Of random networks the surrogate chooses."""
    surrogate, rng = Surrogate(judge, known, seed=seed), Random(seed)
    while chosen := surrogate.acquire(rng.sample(known.members, min(POOL, len(known.members))), 1):
        surrogate.observe(chosen[0], (yield chosen[0]))


def screened_evolution(known: KnownNetworks, seed: int, judge: Combined) -> Searcher:
    """Of an evolution's children the surrogate chooses; the first twenty are of its own choice among random ones."""
    surrogate, rng, alive = Surrogate(judge, known, seed=seed), Random(seed), list[tuple[Any, float]]()
    while True:
        proposals = rng.sample(known.members, min(POOL, len(known.members)))
        if len(alive) == 20:
            parents = [max(rng.choices(alive, k=5), key=lambda one: one[1])[0] for _ in range(4)]
            children = [child for parent in parents for child in known.neighbours(parent)]
            proposals = children[:POOL] if surrogate.acquire(children[:POOL], 1) else proposals
        if not (chosen := surrogate.acquire(proposals, 1)):
            return
        value = yield chosen[0]
        surrogate.observe(chosen[0], value)
        alive = [*alive[-19:], (chosen[0], value)]


PLAIN: dict[str, Callable[[KnownNetworks, int], Searcher]] = {
    "random search": random_search,
    "evolution": evolution,
    "TPE": tpe,
}
GUIDED: dict[str, Callable[[KnownNetworks, int, Combined], Searcher]] = {
    "suggest": suggested,
    "random search": screened_random,
    "evolution": screened_evolution,
}


def _with(
    make: Callable[[KnownNetworks, int, Combined], Searcher], judge: Combined
) -> Callable[[KnownNetworks, int], Searcher]:
    return lambda known, seed: make(known, seed, judge)


# --- what came ---


def run_searcher(
    known: KnownNetworks,
    make: Callable[[KnownNetworks, int], Searcher],
    seeds: int,
    trainings: int,
    *,
    label: str = "",
    progress: bool = False,
) -> list[list[Any]]:
    """The network that looks best after each training, for each seed; it looks as good as its training was."""
    trainings = min(trainings, len(known.members))
    courses = []
    bar = tqdm(total=seeds * trainings, desc=label, unit="training", disable=not progress)
    for seed in range(seeds):
        searcher, train = make(known, seed), known.trainings(seed)
        arch, chosen, top, course = next(searcher, None), None, -np.inf, list[Any]()
        while len(course) < trainings and arch is not None:
            if (value := train(arch)) > top:
                top, chosen = value, arch
            course.append(chosen)
            bar.update()
            try:
                arch = searcher.send(value) if len(course) < trainings else None
            except StopIteration:
                break  # everything is trained
        courses.append(course + [chosen] * (trainings - len(course)))
    bar.close()
    return courses


def regrets(known: KnownNetworks, courses: Sequence[Sequence[Any]]) -> np.ndarray:
    """What chosen networks lack to the best there is, [seeds, trainings], as a difference of accuracies."""
    best = known.best()
    return np.array([[best - known.quality(arch, seed) for arch in course] for seed, course in enumerate(courses)])


def arrivals(found: np.ndarray, close: float) -> list[float | None]:
    """Quartiles over seeds of the trainings after which the best stays within `close` points; None: more than done."""
    near = 100 * found <= close + 1e-9
    after = np.where(near.all(1), 1, near.shape[1] + 1 - np.argmax(~near[:, ::-1], axis=1))
    counts = np.where(near[:, -1], after, np.inf)
    return [None if np.isinf(q) else float(q) for q in np.quantile(counts, [0.25, 0.5, 0.75], method="higher")]


def summarise(found: Mapping[str, np.ndarray], known: KnownNetworks, plan: Mapping[str, Any]) -> dict[str, Any]:
    """Arrivals, and quartiles of the regret in points after each training."""
    rows = {}
    for name, regret in found.items():
        quartiles = np.quantile(100 * regret, [0.25, 0.5, 0.75], axis=0).round(4).tolist()
        rows[name] = {
            "arrived": arrivals(regret, plan["close"]),
            **dict(zip(("low", "median", "high"), quartiles, strict=True)),
        }
    return {"networks": len(known.members), "seeds": plan["seeds"], "close": plan["close"], "searchers": rows}


def gain_figure(summary: Mapping[str, Any]) -> Figure:
    """Median regret against trainings, quartiles as bands: plain searchers beside those with ghn."""
    figure, ((left, right),) = axes_grid(1, 2, 8.4, 3.6)
    top = max(TOP, *(2 * row["median"][-1] for row in summary["searchers"].values()))  # all ends are seen
    for axes, word in ((left, "surrogate"), (right, "hypernetwork")):
        names = [name for name in summary["searchers"] if "," not in name or name.endswith(word)]
        for i, name in enumerate(names):
            row = summary["searchers"][name]
            steps = np.arange(1, len(row["median"]) + 1)
            style = line_style(i)
            axes.plot(steps, row["median"], label=name, **{**style, "marker": None})
            axes.fill_between(steps, row["low"], row["high"], color=style["color"], alpha=0.12, linewidth=0)
        axes.set_xscale("log")
        axes.set_xlabel("trainings")
        axes.set_ylabel("regret, points of accuracy")
        axes.set_ylim(0, top)
        axes.legend(frameon=False, fontsize="small", loc="upper right")
    return figure


def print_gain(summary: Mapping[str, Any], console: Console | None = None) -> None:
    """Trainings until a search arrives, and the median regret on the way."""
    places = [10, 20, 50, 100]
    table = Table("searcher", f"trainings until within {summary['close']} points", box=None)
    for n in places:
        table.add_column(f"regret after {n}", justify="right")
    for name, row in summary["searchers"].items():
        low, middle, high = ("-" if q is None else f"{q:.0f}" for q in row["arrived"])
        at = [f"{row['median'][n - 1]:.2f}" if len(row["median"]) >= n else "-" for n in places]
        table.add_row(name, f"{middle} \\[{low}, {high}]", *at)
    (console or Console()).print(table)


if __name__ == "__main__":
    run_study("search_gain", search_gain_study)
