"""What a race for the best networks costs, and how many of them it misses, over many draws of its pilot.

Everything is read of all networks once, and what each member costs is measured on some of them, in one thread and in
processor time. Races then run on these readings: what they would have read, they pay for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting, open_checkpoint
from ghn.errors import ConfigError, DataError
from ghn.scoring.combined import Combined
from ghn.scoring.panel import Readings, draw_members
from ghn.scoring.racing import CHANCE, Race, check_best, has_left
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import known_benchmark
from ghn.tables.lookup import Recorded
from ghn.types import Finite, Score, Trial
from studies.run import run_study, write_json

Members = dict[str, list[Score]]  # by member, in the order of the networks


@dataclass(frozen=True)
class Races:
    """Means over races that differ in their pilots.

    Attributes:
        missed: of the best, and `most` of them in one race.
        expected: of the best, by what the races themselves said in the end.
        cost: share of the seconds that reading everything takes; `dearest` of one race.
        full: networks that were read in full.
    """

    references: int
    best: int
    risk: float
    missed: float
    most: int
    expected: float
    cost: float
    dearest: float
    full: float


def racing_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Reads all networks, or takes what was read before, and races through them.

    Raises:
        ConfigError: more of the best are looked for than there are networks; or no draws.
        DataError: a file of scores does not fit.
        ExistsError: the folder holds results.
    """
    folder, plan = Path(options["out"]), options["racing"]
    check_folder(folder, resume=options["resume"])
    if plan["draws"] < 1:
        raise ConfigError("draws of pilots must be at least 1", got=plan["draws"])
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    ranker = make_ranker(model, task=setting.task)
    trials, members = networks_of(ranker, plan, folder, progress=options["progress"])
    for best in plan["best"]:
        check_best(best, len(trials))
    costs = costs_of(ranker, trials[: plan["timed"]])
    rows = []
    for references in plan["references"]:
        panel = recorded(ranker, trials, members, costs)
        if references:
            panel.fit(*_history(panel, trials, references))
        for best, risk in product(plan["best"], plan["risks"]):
            rows.append(races(panel, trials, references, best, risk, range(plan["draws"])))
            print(rows[-1])
    found = {"made": machine(), "networks": len(trials), "draws": plan["draws"], "seconds": costs}
    write_json(folder / "racing.json", {**found, "rows": [asdict(row) for row in rows]})
    print_races(rows, costs, len(trials), plan["draws"])
    print(f"wrote {folder}/racing.json")


def networks_of(
    ranker: Combined, plan: Mapping[str, Any], folder: Path, *, progress: bool
) -> tuple[list[Trial[Any]], Members]:
    """The networks, and what each member says of them."""
    space = ranker.space
    if plan["scores"]:
        return _from_file(ranker, plan["scores"], plan["n"])
    if plan["n"] is None and not isinstance(space, Finite):
        raise ConfigError(f"space {space.name} cannot list its networks", fix="say how many: racing.n=1000")
    drawn = draw_members(space, len(space.distinct()) if isinstance(space, Finite) and plan["n"] is None else plan["n"])
    trials = list({space.canonical(trial.arch): trial for trial in drawn}.values())
    members = {
        name: score_to_file(
            member, trials, folder / "readings" / f"{name}.jsonl", member.identity, progress=progress, label=name
        )
        for name, member in ranker.members.items()
    }
    return trials, members


def _from_file(ranker: Combined, path: str, n: int | None) -> tuple[list[Trial[Any]], Members]:
    """What a file of scores of the combined order holds, without what failed."""
    try:
        rows = [json.loads(line) for line in Path(path).read_text().splitlines()[1:]][:n]
        rows = [row for row in rows if row["error"] is None]
        trials = [Trial(row["id"], ranker.space.parse(row["id"])) for row in rows]
        return trials, {
            name: [_answer(name, row["extra"], name not in ranker.needed) for row in rows] for name in ranker.members
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        expected = "scores of the combined order of this space, as job=rank_all keeps them"
        raise DataError(f"{path} cannot be used", got=repr(error), expected=expected) from None


def _answer(member: str, extra: Mapping[str, float], spared: bool) -> Score:
    """What a member said, from the readings of a combined score, in which losses are higher for the better.

    Who is `spared` for a network that it cannot read said nothing.
    """
    own = {name.partition("/")[2]: value for name, value in extra.items() if name.startswith(f"{member}/")}
    if not own and spared:
        return Score.failed("it could not be read, and need not be")
    if "loss" in own:
        own["loss"] *= -1
    return Score(own.pop("value"), extra=own)


def costs_of(ranker: Combined, trials: Sequence[Trial[Any]]) -> dict[str, float]:
    """Seconds of processor time a network, by member; what no member says costs, too."""
    found = {}
    for name, member in ranker.members.items():
        member.score(trials[:2])  # what is done once is no candidate's
        started = time.process_time()
        member.score(trials)
        found[name] = (time.process_time() - started) / len(trials)
    started = time.process_time()
    ranker.known([trial.arch for trial in trials])
    for trial in trials:
        ranker.put_together(trial, {})
    return found | {FREE: (time.process_time() - started) / len(trials)}


FREE = "size and features"  # of all networks, whoever leaves


class RecordedPanel(Combined):
    """The combined order over recorded readings; sizes are known too."""

    sizes: Mapping[Any, Readings]

    def put_together(self, trial: Trial[Any], answers: Mapping[str, Score], before: Readings | None = None) -> Readings:
        return super().put_together(trial, answers, before or self.sizes[trial.arch])


def recorded(
    ranker: Combined, trials: Sequence[Trial[Any]], members: Members, costs: Mapping[str, float]
) -> RecordedPanel:
    """The combined order, whose members answer from memory and charge what they cost."""
    memory = {
        name: Recorded({t.arch: replace(s, cost_seconds=costs[name]) for t, s in zip(trials, scores, strict=True)})
        for name, scores in members.items()
    }
    how = ranker.options(ranker.weights)
    panel = RecordedPanel(ranker.space, memory, ranker.weights, population=ranker.population, **how)
    panel.sizes = {t.arch: ranker.put_together(t, {}) for t in trials}
    return panel


def _history(
    panel: Combined, trials: Sequence[Trial[Any]], references: int
) -> tuple[list[tuple[Trial[Any], Score]], list[Readings]]:
    """Published trainings of networks that were read, and their readings."""
    space = panel.space
    own = {space.canonical(trial.arch): trial for trial in trials}
    history = known_benchmark(space, f"{references} references").history(references)
    try:
        known = [own[space.canonical(space.parse(t.arch) if isinstance(t.arch, str) else t.arch)] for t, _ in history]
    except KeyError as error:
        raise DataError("a reference was not read", got=str(error), expected="networks that are read") from None
    pairs = [(trial, score) for trial, (_, score) in zip(known, history, strict=True)]
    return pairs, panel.read(known)


def races(
    panel: Combined, trials: Sequence[Trial[Any]], references: int, best: int, risk: float, seeds: Sequence[int]
) -> Races:
    """Runs a race a seed."""
    values = np.array([score.value for score in panel.score(trials)])
    wanted = set(np.argsort(-values)[:best].tolist())
    everything = sum(score.cost_seconds for score in panel.score(trials))
    missed, expected, cost, full = [], [], [], []
    for seed in seeds:
        race = Race(panel, best, risk=risk, seed=seed)
        scores = race.run(trials)
        found = {i for i, score in enumerate(scores) if not has_left(score)}
        missed.append(len(wanted - found))
        expected.append(sum(score.extra[CHANCE] for score in scores if has_left(score)))
        cost.append(race.spent / everything)
        full.append(len(found))
    return Races(
        references,
        best,
        risk,
        float(np.mean(missed)),
        max(missed),
        float(np.mean(expected)),
        float(np.mean(cost)),
        max(cost),
        float(np.mean(full)),
    )


def print_races(rows: Sequence[Races], costs: Mapping[str, float], networks: int, draws: int) -> None:
    """A row a kind of race."""
    each = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in costs.items())
    table = Table(title=f"Races through {networks} networks, means of {draws} pilots; milliseconds a network: {each}")
    titles = ("references", "best", "risk", "may miss", "missed", "most", "expected", "cost", "dearest", "read in full")
    for title in titles:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(
            *(str(row.references), str(row.best), f"{row.risk:g}", f"{row.risk * row.best:.2f}", f"{row.missed:.2f}"),
            *(str(row.most), f"{row.expected:.2f}", f"{row.cost:.3f}", f"{row.dearest:.3f}", f"{row.full:.0f}"),
        )
    Console(width=150).print(table)


if __name__ == "__main__":
    run_study("racing", racing_study)
