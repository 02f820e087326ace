"""`job=surrogates`: how well surrogates order networks, and how honest their intervals are, by number of references."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.errors import ConfigError
from ghn.estimators.candidates import choose_candidates, published_reference
from ghn.estimators.partial import score_to_file
from ghn.estimators.ranker import IMAGES
from ghn.estimators.readouts import Sample
from ghn.estimators.registry import Setting, open_checkpoint
from ghn.estimators.samples import load_sample
from ghn.estimators.surrogates import Embedding, Scores, SurrogateEstimator, coverage, make_inputs
from ghn.ranking import rank
from ghn.report.evaluation import check_folder, machine
from ghn.report.figures import learning_curves
from ghn.report.nasbench201 import Known
from ghn.report.style import to_bytes
from ghn.types import Score, Space, Trial

KEYS = {"kendall": "all", "kendall_best_half": "best half", "kendall_best_fifth": "best 20 %"}
GRAPH = "graph"  # the input set of the model that reads graphs and nothing else
HYPERNETWORK = ("embedding", "scores")


@dataclass(frozen=True)
class Remembered:
    """A feature source whose features were computed beforehand.

    Attributes:
        name: of the source.
        rows: architecture -> its features [f].
    """

    name: str
    rows: Mapping[Any, np.ndarray]

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> np.ndarray:
        """Features [n, f]."""
        return np.stack([self.rows[arch] for arch in archs])


def surrogates_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Fits surrogates on 10 to 500 published accuracies and judges them on other networks (job=surrogates).

    References are drawn from the development sample and, beyond it, from networks of neither sample. With
    `candidates=development`, for choices of settings, they are drawn from the latter alone.
    """
    folder, space = Path(options["out"]), setting.space
    check_folder(folder, resume=options["resume"])
    pool, judged = choose_networks(space, options["candidates"], options["pool"], options["n"])
    if options["draws"] < 1 or not options["sizes"] or max(options["sizes"]) > len(pool):
        raise ConfigError(
            "this study cannot be made",
            got=f"draws={options['draws']}, sizes={options['sizes']}, pool of {len(pool)}",
            expected="at least one draw, and numbers of references that the pool holds",
        )
    values = published_reference([*pool, *judged], space).values
    sources = remember(setting, options["inputs"], [*pool, *judged], folder, progress=options["progress"])
    study = SurrogateStudy(space, pool, judged, values, sources)
    rows = [
        (model, inputs)
        for inputs in options["inputs"]
        for model in options["models"]
        if (model == "gnn") == (inputs == GRAPH)
    ]
    cells = [(f"{m}, {i}", size, d) for size in options["sizes"] for d in range(options["draws"]) for m, i in rows]
    study.settings = {f"{m}, {i}": (m, [] if i == GRAPH else options["inputs"][i]) for m, i in rows}
    trials = [Trial("/".join(map(str, cell)), cell) for cell in cells]
    identity = {"candidates": options["candidates"], "pool": len(pool), "n": len(judged), "space": repr(space)}
    scores = score_to_file(
        study, trials, folder / "cells.jsonl", identity, progress=options["progress"], label="surrogates"
    )
    found = gather(trials, scores)
    (folder / "study.json").write_text(json.dumps({"rows": found, "identity": identity, "made": machine()}, indent=1))
    for name, chosen in pictures(found).items():
        (folder / f"{name}.svg").write_bytes(to_bytes(learning_curves(chosen), "svg"))
    print_study(found, options["draws"])
    print(f"wrote {folder}/study.json and pictures")


def choose_networks(space: Any, sample: str, pool: int | None, n: int) -> tuple[list[str], list[str]]:
    """Official strings of the networks from which references are drawn, and of those that are judged.

    Raises:
        ConfigError: unknown sample, or more networks than there are.
    """
    development = load_sample("development")
    whole = len(space.distinct()) - len(load_sample("report").archs())
    order = choose_candidates(whole, "development", space)
    picked = set(development.archs("embedded-top"))  # chosen for their accuracy: no fair draw
    known = [text for text in order if text not in picked]
    if sample == "development":
        own = set(development.archs())
        return [text for text in known if text not in own][:pool], [text for text in known if text in own][:n]
    return known[:pool], choose_candidates(n, sample, space)


def remember(
    setting: Setting, sets: Mapping[str, Sequence[str]], texts: Sequence[str], folder: Path, *, progress: bool
) -> dict[str, Remembered]:
    """Computes every input of some sets once for all networks; scores of a hypernetwork are kept on disk."""
    archs = [setting.space.parse(text) for text in texts]
    out = {}
    for name in dict.fromkeys(name for names in sets.values() for name in names):
        if name in HYPERNETWORK:
            _, model = open_checkpoint(setting, setting.checkpoints[0])
            source: Any = Embedding(model)
        if name == "scores":
            skeletons = [{"depth": 1}] if "depth" in setting.space.describe() else []
            images = model.images(setting.task)
            sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES)
            engine = model.estimator(task=images, sample=sample, skeletons=skeletons)
            trials = [Trial(text, arch) for text, arch in zip(texts, archs, strict=True)]
            path = folder / "members" / "ghn_depth1.jsonl"
            scores = score_to_file(engine, trials, path, engine.identity, progress=progress, label="hypernetwork")
            source = Scores(Known(dict(zip(archs, scores, strict=True))), ("value", "accuracy"))
        elif name not in HYPERNETWORK:
            source = make_inputs([name])[0]
        out[name] = Remembered(name, dict(zip(archs, source(setting.space, archs), strict=True)))
    return out


class SurrogateStudy:
    """One surrogate, one number of references, one draw of them: an estimator whose candidates are such cells.

    Args:
        space: of the networks.
        pool: official strings from which references are drawn.
        judged: official strings of the networks to order.
        values: official string -> published accuracy.
        sources: feature sources by name.
    """

    def __init__(
        self,
        space: Space[Any],
        pool: Sequence[str],
        judged: Sequence[str],
        values: Mapping[str, float],
        sources: Mapping[str, Remembered],
    ) -> None:
        self.space, self.sources = space, sources
        self.settings: dict[str, tuple[str, Sequence[str]]] = {}  # row -> model and inputs
        self._pool = [(Trial(text, space.parse(text)), Score(values[text])) for text in pool]
        self._judged = [Trial(text, space.parse(text)) for text in judged]
        self._values = np.array([values[text] for text in judged])

    def stream(self, cells: Sequence[Trial[tuple[str, int, int]]]) -> Iterator[tuple[Trial[Any], Score]]:
        """Each cell's rank correlations, coverage of intervals and seconds."""
        for cell in cells:
            yield cell, self._score(*cell.arch)

    def _score(self, row: str, size: int, draw: int) -> Score:
        model, inputs = self.settings[row]
        surrogate = SurrogateEstimator(self.space, [self.sources[name] for name in inputs], model, seed=draw)
        chosen = np.random.default_rng([draw, size]).choice(len(self._pool), size, replace=False)
        started = time.perf_counter()
        surrogate.fit([self._pool[i] for i in chosen])
        scores = surrogate.score(self._judged)
        seconds = time.perf_counter() - started
        found = rank([s.value for s in scores], self._values, bootstrap=0)
        statistics = {key: found[key].value for key in (*KEYS, "regret@10")}
        if statistics["kendall"] is None:
            return Score.failed("the surrogate predicts the same for all", seconds)
        covered = {f"covered {level:.0%}": share for level, share in coverage(scores, self._values.tolist()).items()}
        return Score(statistics["kendall"], seconds, extra=statistics | covered)


Found = dict[str, dict[str, dict[str, list[float]]]]  # row -> number of references -> statistic -> one a draw


def gather(trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> Found:
    """Statistics of all draws, by row and number of references; seconds among them."""
    out: Found = {}
    for trial, score in zip(trials, scores, strict=True):
        row, size, _ = trial.arch
        held = out.setdefault(row, {}).setdefault(str(size), {})
        for key, value in {**score.extra, "seconds": score.cost_seconds}.items():
            if value is not None:
                held.setdefault(key, []).append(value)
    return out


def pictures(found: Found) -> dict[str, dict[str, dict[int, list[float]]]]:
    """The curves of each picture: all models on one set of inputs, and all sets of inputs with one model."""
    out: dict[str, dict[str, dict[int, list[float]]]] = {}
    for row, sizes in found.items():
        model, inputs = row.split(", ", 1)
        curve = {int(size): held["kendall"] for size, held in sizes.items() if held.get("kendall")}
        out.setdefault(f"inputs_{inputs}", {})[model] = curve
        out.setdefault(f"model_{model}", {})[inputs] = curve
    return {name: curves for name, curves in out.items() if len(curves) > 1}


def print_study(found: Found, draws: int) -> None:
    """Prints a table for each part of the order, and one of coverage."""
    tables = {f"Kendall tau, {part}": ((key,), "{:.3f} ({:.3f})") for key, part in KEYS.items()}
    covered = tuple(f"covered {level}" for level in ("50%", "80%", "95%"))
    tables["Share of values inside the intervals of 50, 80 and 95 %"] = (covered, "{:.2f}")
    sizes = list(dict.fromkeys(size for held in found.values() for size in held))
    for title, (keys, form) in tables.items():
        table = Table(title=f"{title}: mean (standard deviation) over {draws} draws" if len(keys) == 1 else title)
        table.add_column("model, inputs")
        for size in sizes:
            table.add_column(f"{size} references", justify="right")
        for row, held in found.items():
            cells = [[held[size].get(key) or [np.nan] for key in keys] for size in sizes]
            table.add_row(row, *(" ".join(form.format(np.mean(v), np.std(v)) for v in cell) for cell in cells))
        Console(width=150).print(table)
