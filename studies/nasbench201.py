"""How well everything orders the report sample of NAS-Bench-201, with 0, 20, 50 and 100 references."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ghn.analysis.correlation import MIN_ITEMS, ceiling, kendall
from ghn.app.evaluation import check_folder, evaluate
from ghn.app.setting import Setting, open_checkpoint
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.report.comparison import print_report
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.nasbench201.benchmark import EMBEDDED, load_sample
from ghn.tables.references import ReferenceTable
from ghn.types import Score, Trial
from studies.readings import Readings, print_spread, spread_over_draws
from studies.run import run_study, write_json


def nasbench201_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Scores both samples once with every checkpoint, then ranks the report sample in many ways.

    The first checkpoint stands in the report, the others in the spread over trainings. References are drawn from the
    development sample, whose networks are not in the report sample.
    """
    folder = Path(options["out"])
    check_folder(folder, resume=options["resume"])
    if options["draws"] < 1:
        raise ConfigError("draws of references must be at least 1", got=options["draws"])
    space, runs, development = setting.space, [], load_sample("development")
    read = development.archs()[: options["pool"]]
    fair = {text for text in read if development.group[text] in ("random", "embedded-random")}
    pool = {text: value for text, value in development.accuracy.items() if text in fair}
    report = load_sample("report").archs()[: options["n"]]
    report.sort()  # resamples depend on the order: that of the alphabet keeps to published figures
    for number, checkpoint in enumerate(setting.checkpoints):
        _, model = open_checkpoint(setting, checkpoint)
        place = folder / "members" / str(number)
        runs.append(Readings(model, setting, pool, [*read, *report], place, progress=options["progress"]))
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
    accuracy = load_sample("report").accuracy
    spread = spread_over_draws(runs, {text: accuracy[text] for text in report}, options["sizes"], options["draws"])
    embedded = order_of_embedded(runs, options["draws"])
    write_json(folder / "spread.json", {"published": spread, "own": embedded})
    print_spread(spread, len(runs), options["draws"])
    if embedded:
        _print_embedded(embedded)
    print(f"wrote {folder}/report/report.html, report.json and {folder}/spread.json")


def _print_embedded(found: Mapping[str, Any]) -> None:
    print(f"Kendall on the {found['networks']} own references that were not given, mean (standard deviation):")
    for name, numbers in found["kendall"].items():
        print(f"  {name}: {np.mean(numbers):.3f} ({np.std(numbers):.3f})")
    print(f"  ceiling, a second training of the same network: {found['ceiling']:.3f}")
    print(f"  the own references themselves against the published accuracies: {found['small_skeleton']:.3f}")


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
    published = load_sample("development").accuracy
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
