"""`job=outside`: candidates beyond the supergraph, which a hypernetwork can judge and a bank cannot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.errors import ConfigError
from ghn.estimators.candidates import SAMPLED, Reference, choose_ranked
from ghn.estimators.kinds import source_of
from ghn.estimators.loading import load
from ghn.estimators.model import Model
from ghn.estimators.outside import Variation, variations
from ghn.estimators.partial import score_to_file
from ghn.estimators.setting import Setting
from ghn.estimators.weighted import WeightedEstimator
from ghn.ranking import MIN_ITEMS, Statistic, rank
from ghn.report.evaluation import check_folder, machine
from ghn.report.terminal import plain_signs
from ghn.report.words import with_interval
from ghn.spaces import describe_space
from ghn.types import Score, Trial

Floats = NDArray[np.float64]


def outside_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Lets each checkpoint judge the same candidates in the space as it is, and in ever others (job=outside).

    Raises:
        ConfigError: an impossible skeleton, too few candidates, or two checkpoints of one name.
        CheckpointError: a checkpoint is damaged, or made for another space.
    """
    out = Path(options["out"])
    check_folder(out, resume=options["resume"])
    for name, values in options["outside"].items():
        if values is not None and not (isinstance(values, list) and all(type(value) is int for value in values)):
            raise ConfigError(f"outside.{name} must be a list of whole numbers, or null", got=values)
    kinds = variations(setting.space, **options["outside"])
    models = _models(setting)
    texts, references = _candidates(setting, options)
    rows = []
    for label, model in models.items():
        home: Floats | None = None
        for kind in kinds:
            scores = _scores(label, model, kind, texts, setting, options)
            values = np.array([score.value for score in scores])
            home = values if home is None else home
            row: dict[str, Any] = {"checkpoint": label, "method": model.method, "variation": kind.name}
            row |= {"trained": kind.trained_in(model), **_judged(scores)}
            row["home"] = asdict(_kendall(values, home, options["bootstrap"]))
            row["references"] = {one.name: asdict(_against(one, texts, values, options)) for one in references}
            rows.append(row)
    content = {"space": describe_space(setting.space), "n": len(texts), "rows": rows, "made": machine()}
    (out / "outside.json").write_text(json.dumps(content, indent=1))
    print_outside(rows, len(texts))
    print(f"wrote {out}/outside.json")


def _models(setting: Setting) -> dict[str, Model]:
    """The checkpoints of a setting by the names of their folders."""
    found: dict[str, Model] = {}
    for one in setting.checkpoints:
        path = None if one == "shipped" else one
        model = load(path, fabric=setting.fabric, space=setting.space)
        first = Path(one if isinstance(one, str) else one[0])
        label = "shipped" if path is None else first.resolve().parent.name
        if label in found:
            raise ConfigError("checkpoints must differ in the names of their folders", got=list(setting.checkpoints))
        found[label] = model
    return found


def _candidates(setting: Setting, options: Mapping[str, Any]) -> tuple[list[str], list[Reference]]:
    """Candidates with references; in a space of which there are no samples, draws without any."""
    space, n = setting.space, options["n"]
    if not isinstance(n, int) or n < MIN_ITEMS:
        raise ConfigError("too few candidates to speak of an order", got=n, expected=f"n >= {MIN_ITEMS}")
    if space.name == SAMPLED or Path(options["references"]).is_file():
        sources = (options["candidates"], options["references"])
        texts, references, _ = choose_ranked(n, *sources, space, setting.task.checksum)
        return texts, references
    rng, found = Random(0), dict[str, None]()
    while len(found) < n:
        found[space.format(space.sample(rng))] = None
    return list(found), []


def _scores(
    label: str, model: Model, kind: Variation, texts: Sequence[str], setting: Setting, options: Mapping[str, Any]
) -> list[Score]:
    engine = WeightedEstimator(
        model.net,
        kind.space,
        model.images(setting.task),
        setting.fabric,
        readout=setting.readouts[0],
        sample=setting.sample,
        weights_id=model.digest,
        source=source_of(model.net),
    )
    name = f"{label} {kind.name}"
    path = Path(options["out"]) / "scores" / f"{name.replace('/', '_').replace(' ', '_')}.jsonl"
    trials = [Trial(text, setting.space.parse(text)) for text in texts]
    return score_to_file(engine, trials, path, engine.identity, progress=options["progress"], label=name)


def _judged(scores: Sequence[Score]) -> dict[str, Any]:
    """How many could be scored, and why the first that could not was not."""
    errors = [str(score.error) for score in scores if not score.ok]
    return {"judged": len(scores) - len(errors), "reason": errors[0].splitlines()[0] if errors else None}


def _kendall(values: Floats, others: Floats, bootstrap: int) -> Statistic:
    """Of what both have judged; no value where that is too little."""
    kept = np.isfinite(values) & np.isfinite(others)
    if kept.sum() < MIN_ITEMS or np.ptp(others[kept]) == 0:
        return Statistic(None)
    return rank(values[kept], others[kept], ks=(), bootstrap=bootstrap)["kendall"]


def _against(reference: Reference, texts: Sequence[str], values: Floats, options: Mapping[str, Any]) -> Statistic:
    known = np.array([reference.values.get(text, np.nan) for text in texts])
    return _kendall(values, known, options["bootstrap"])


def print_outside(rows: Sequence[Mapping[str, Any]], n: int, console: Console | None = None) -> None:
    """Prints a row a checkpoint and variation, with notes of the references and of why something failed."""
    console = console or Console(width=120)
    table = Table(title=f"{n} candidates beyond the supergraph", title_justify="left", box=box.SIMPLE_HEAD)
    table.pad_edge, table.collapse_padding = False, True
    for heading in ("checkpoint", "variation"):
        table.add_column(heading, no_wrap=True)
    names = list(rows[0]["references"])
    for heading in ("trained", "judged", "Kendall (0)", *(f"Kendall ({i + 1})" for i in range(len(names)))):
        table.add_column(heading, justify="right", no_wrap=True)
    for i, row in enumerate(rows):
        values = [row["home"], *row["references"].values()]
        cells = [plain_signs(with_interval(Statistic(**value))) for value in values]
        counts = ("yes" if row["trained"] else "no", f"{row['judged']} of {n}")
        end = row["checkpoint"] != rows[min(i + 1, len(rows) - 1)]["checkpoint"]
        table.add_row(Text(row["checkpoint"]), row["variation"], *counts, *cells, end_section=end)
    console.print(table)
    for i, name in enumerate(["its own scores of the same candidates in the space as trained", *names]):
        console.print(f"({i}) {name}", highlight=False, markup=False)
    for row in rows:
        if row["reason"]:
            where = f"{row['checkpoint']}, {row['variation']}"
            console.print(f"{where}: {row['reason']}", highlight=False, markup=False)
