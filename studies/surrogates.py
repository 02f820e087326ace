"""How well surrogates order networks, and how honest their intervals are, by number of references."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from ghn.analysis.correlation import rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.drawing.style import to_bytes
from ghn.errors import ConfigError
from ghn.families.surrogates.models import make_model
from ghn.families.surrogates.regression import LEVELS, coverage, interval_key
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.score_files import score_to_file
from ghn.spaces.candidates import known_benchmark
from ghn.spaces.nasbench201.benchmark import load_sample
from ghn.types import Score, Space, Trial
from studies.drawing import learning_curves
from studies.measurement import Measurement
from studies.run import run_study, write_json
from studies.surrogate_inputs import PrecomputedInput, precompute_inputs

KEYS = {"kendall": "all", "kendall_best_half": "best half", "kendall_best_fifth": "best 20 %"}
REST = "rest"  # of the development sample: what is not given is judged
GRAPH = "graph"  # the input set of the model that reads graphs and nothing else


def surrogates_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Fits surrogates on 10 to 500 published accuracies and judges them on other networks.

    References are drawn from the development sample and, beyond it, from networks of neither sample. With
    `candidates=development`, for choices of settings, they are drawn from the latter alone; with `candidates=rest` from
    the development sample, whose other networks are judged.
    """
    folder, space = Path(options["out"]), setting.space
    check_folder(folder, resume=options["resume"])
    pool, judged = choose_networks(space, options["candidates"], options["pool"], options["n"])
    unknown = set(options["sets"] or ()) - set(options["inputs"])
    if unknown or options["draws"] < 1 or not options["sizes"] or max(options["sizes"]) > len(pool):
        raise ConfigError(
            "this study cannot be made",
            got=f"draws={options['draws']}, sizes={options['sizes']}, pool of {len(pool)}, sets={options['sets']}",
            expected=f"at least one draw, numbers of references that the pool holds, sets of {list(options['inputs'])}",
        )
    for model in options["models"]:
        make_model(model)  # unknown ones are refused before anything is computed
    texts = list(dict.fromkeys([*pool, *judged]))
    values = known_benchmark(space).published(texts).values
    sets = {name: options["inputs"][name] for name in options["sets"] or options["inputs"]}
    sources = precompute_inputs(setting, sets, texts, folder, progress=options["progress"])
    settings = {
        f"{model}, {inputs}": (model, [sources[name] for name in sets[inputs]])
        for inputs in sets
        for model in options["models"]
        if (model == "gnn") == (inputs == GRAPH)
    }
    study = SurrogateStudy(space, pool, judged, values, settings)
    trials = [
        Trial(f"{row}/{size}/{draw}", (row, size, draw, json.dumps({s.name: s.identity for s in chosen})))
        for size in options["sizes"]
        for draw in range(options["draws"])
        for row, (_, chosen) in settings.items()
    ]
    identity = {"candidates": options["candidates"], "pool": len(pool), "n": len(judged), "space": repr(space)}
    scores = score_to_file(
        Measurement(study.measure),
        trials,
        folder / "cells.jsonl",
        identity,
        progress=options["progress"],
        label="surrogates",
    )
    found = gather(trials, scores)
    write_json(folder / "study.json", {"rows": found, "identity": identity, "made": machine()})
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
    if sample == REST:
        whole_sample = development.archs("random", "embedded-random")
        return whole_sample[:pool], whole_sample[:n]
    whole = len(space.distinct()) - len(load_sample("report").archs())
    order = known_benchmark(space).candidates(whole, "development")
    picked = set(development.archs("embedded-top"))  # chosen for their accuracy: no fair draw
    known = [text for text in order if text not in picked]
    if sample == "development":
        own = set(development.archs())
        return [text for text in known if text not in own][:pool], [text for text in known if text in own][:n]
    return known[:pool], known_benchmark(space).candidates(n, sample)


class SurrogateStudy:
    """Fits and judges surrogates.

    Args:
        space: of the networks.
        pool: official strings from which references are drawn.
        judged: official strings of the networks to order.
        values: official string -> published accuracy.
        settings: row -> model and feature sources.
    """

    def __init__(
        self,
        space: Space[Any],
        pool: Sequence[str],
        judged: Sequence[str],
        values: Mapping[str, float],
        settings: Mapping[str, tuple[str, Sequence[PrecomputedInput]]],
    ) -> None:
        self.space, self.settings = space, settings
        self._pool = [(Trial(text, space.parse(text)), Score(values[text])) for text in pool]
        self._judged = [Trial(text, space.parse(text)) for text in judged]
        self._values = np.array([values[text] for text in judged])

    def measure(self, row: str, size: int, draw: int, _inputs: str) -> Score:
        """Rank correlations and coverage of intervals with one draw of so many references."""
        model, inputs = self.settings[row]
        surrogate = SurrogateEstimator(self.space, inputs, model, seed=draw)
        chosen = np.random.default_rng([draw, size]).choice(len(self._pool), size, replace=False)
        started = time.perf_counter()
        given = [self._pool[i] for i in chosen]
        surrogate.fit(given)
        ids = {trial.id for trial, _ in given}
        left = [i for i, trial in enumerate(self._judged) if trial.id not in ids]
        scores, values = surrogate.score([self._judged[i] for i in left]), self._values[left]
        seconds = time.perf_counter() - started
        found = rank([s.value for s in scores], values, bootstrap=0)
        statistics = {key: found[key].value for key in (*KEYS, "regret@10")}
        if statistics["kendall"] is None:
            return Score.failed("the surrogate predicts the same for all", seconds)
        shares = coverage(scores, values.tolist())
        covered = {f"covered {interval_key(level)}": share for level, share in shares.items()}
        return Score(statistics["kendall"], seconds, extra=statistics | covered)


Found = dict[str, dict[str, dict[str, list[float]]]]  # row -> number of references -> statistic -> one a draw


def gather(trials: Sequence[Trial[Any]], scores: Sequence[Score]) -> Found:
    """Statistics of all draws, by row and number of references; seconds among them."""
    out: Found = {}
    for trial, score in zip(trials, scores, strict=True):
        row, size, *_ = trial.arch
        held = out.setdefault(row, {}).setdefault(str(size), {})
        for key, value in {**score.extra, "seconds": score.cost_seconds}.items():
            if value is not None:  # a part of the order that the surrogate leaves tied
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
    tables: dict[str, tuple[tuple[str, ...], str]] = {
        f"Kendall tau, {part}": ((key,), "{:.3f} ({:.3f})") for key, part in KEYS.items()
    }
    covered = tuple(f"covered {interval_key(level)}" for level in LEVELS)
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


if __name__ == "__main__":
    run_study("surrogates", surrogates_study)
