"""Candidates beyond the supergraph, in other skeletons and with other operations: a bank cannot judge them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.analysis.correlation import MIN_ITEMS, Statistic, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.errors import ConfigError
from ghn.graph.ir import Graph, GraphBuilder
from ghn.report.terminal import plain_signs
from ghn.report.words import with_interval
from ghn.scoring.engine import WeightedEstimator
from ghn.scoring.load import load
from ghn.scoring.model import Model
from ghn.scoring.score_files import score_to_file
from ghn.spaces import describe_space, skeletons_of
from ghn.spaces.candidates import benchmark_of, choose_ranked
from ghn.types import Network, Reference, Score, Space, Trial
from studies.run import run_study, write_json

Floats = NDArray[np.float64]


def outside_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Lets each checkpoint judge the same candidates in the space as it is, and in ever others.

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
    write_json(out / "outside.json", content)
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
    if benchmark_of(space) or Path(options["references"]).is_file():
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
        source=model.net.source,
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


class Variation(NamedTuple):
    """A space in which the same candidates are judged.

    Attributes:
        name: in a report.
        space: the candidates' own strings name its members.
        changed: settings that differ from the space's own; None where it is not the skeleton that differs.
    """

    name: str
    space: Space[Any]
    changed: Mapping[str, Any] | None

    def trained_in(self, model: Model) -> bool:
        """Whether a training has met networks of this kind."""
        if self.changed is None:
            return False
        own, skeletons = model.space.describe(), model.card.get("trainer", {}).get("skeletons") or [{}]
        return {**own, **self.changed} in [{**own, **skeleton} for skeleton in skeletons]


class Grouped:
    """A space whose convolutions work in two groups of channels, where these are even: an operation it has not.

    Args:
        space: all else is as in it.
    """

    def __init__(self, space: Space[Any]) -> None:
        self.space = space

        self.name, self.describe, self.sample = space.name, space.describe, space.sample
        self.neighbours, self.parse, self.format = space.neighbours, space.parse, space.format
        self.canonical = space.canonical

    def __repr__(self) -> str:
        return f"Grouped({self.space!r})"

    def network(self, arch: Any) -> Network:
        """The network with grouped convolutions."""
        return Network.of(grouped(self.space.network(arch).graph))


def grouped(graph: Graph) -> Graph:
    """The graph with every convolution of even channels in two groups; depthwise ones stay as they are."""
    b = GraphBuilder(graph.input_shape)
    for i, node in enumerate(graph.nodes[1:], start=1):
        attrs = node.attr
        if node.op == "conv" and attrs["groups"] == 1 and not (graph.input_shapes(i)[0][0] % 2 or attrs["out"] % 2):
            attrs = {**attrs, "groups": 2}
        b.add(node.op, *node.inputs, name=node.name, **attrs)
    return b.build(len(graph) - 1)


def variations(
    space: Space[Any], depths: Sequence[int] | None = None, widths: Sequence[int] | None = None
) -> list[Variation]:
    """The space as it is, then with other depths, other widths and other convolutions.

    Args:
        space: that weights were trained in.
        depths: numbers of cells; None for two more than it has.
        widths: numbers of channels; None for twice as many.

    Raises:
        ConfigError: the space has no such skeleton.
    """
    own = space.describe()
    skeletons = [{"depth": d} for d in ([own["depth"] + 2] if depths is None else depths)]
    skeletons += [{"width": w} for w in ([2 * own["width"]] if widths is None else widths)]
    others = [
        Variation(f"{key} {value}", skeletons_of(space, [one])[0], one)
        for one in skeletons
        for key, value in one.items()
    ]
    return [Variation("as trained", space, {}), *others, Variation("grouped convolutions", Grouped(space), None)]


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


if __name__ == "__main__":
    run_study("outside", outside_study)
