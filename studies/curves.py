"""Judges models of learning curves on finished runs: order, error, calibration and cost, and early termination.

Judged models of learning curves as tables for a terminal and as figures.

Models of learning curves, judged: `python -m studies.curves`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.analysis.correlation import MIN_ITEMS, Statistic, rank
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.families.curves.estimator import CURVE_MODELS, architecture_features, make_curve_model
from ghn.families.curves.model import CurveModel, Predictions, architecture_ids
from ghn.families.curves.stopping import Termination, early_termination
from ghn.report.style import canvas, legend, to_bytes
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.csv import read_curves_csv
from ghn.tables.curves import Curves, Floats
from ghn.tables.references import ReferenceTable
from studies.run import run_study

LEVELS = (0.5, 0.8, 0.95)
ORDERS = ("kendall", "kendall_best_half", "regret@5")


@dataclass(frozen=True)
class Protocol:
    """How models are judged.

    Attributes:
        observed: epochs after which they are asked.
        horizon: the epoch that they foretell.
        folds: a model never sees a run of an architecture that it is asked about; the architectures are cut into folds.
        draws: how often the cut is made anew; statistics and the ends of intervals are means over the cuts.
        bootstrap: resamples behind the intervals.
        threshold: of early termination.
        seed: of cuts and resamples.
    """

    observed: Sequence[int] = (2, 4, 6, 10)
    horizon: int = 20
    folds: int = 5
    draws: int = 2
    bootstrap: int = 1000
    threshold: float = 0.05
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.observed or not 0 < min(self.observed) <= max(self.observed) < self.horizon:
            raise ConfigError("observed epochs", got=list(self.observed), expected=f"some of 1 to {self.horizon - 1}")
        if self.folds < 2 or self.draws < 1:
            raise ConfigError("folds and draws", got=(self.folds, self.draws), expected="folds >= 2, draws >= 1")


@dataclass(frozen=True)
class Verdict:
    """How good a model was after some epochs.

    Attributes:
        model: its name.
        observed: epochs seen.
        n: runs extrapolated.
        failed: runs that could not be.
        statistics: `kendall`, `kendall_best_half`, `regret@5`, `rmse`, `mae`, and `coverage@0.5`, `0.8`, `0.95`: the
            share of runs inside that interval. None in all of them where fewer than ten runs were extrapolated.
        fit_seconds: of one fit.
        run_seconds: of one run's extrapolation.
        errors: why runs failed -> how many.
    """

    model: str
    observed: int
    n: int
    failed: int
    statistics: dict[str, Statistic]
    fit_seconds: float
    run_seconds: float
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Crossed:
    """Predictions of all runs by models that had not seen them, and seconds of a fit and of a run by epoch."""

    predicted: dict[int, Predictions]
    fit_seconds: float
    run_seconds: dict[int, float]


def cross_predict(make: Callable[[], CurveModel], curves: Curves, protocol: Protocol, draw: int = 0) -> Crossed:
    """Extrapolates each run with a model fitted on the other folds' architectures."""
    groups = np.array(architecture_ids(curves))
    order = np.random.default_rng([protocol.seed, draw]).permutation(groups.max() + 1)
    fold = (order % protocol.folds)[groups]
    parts: dict[int, list[tuple[np.ndarray, Predictions]]] = {epoch: [] for epoch in protocol.observed}
    fitting, seconds = 0.0, dict.fromkeys(protocol.observed, 0.0)
    for number in np.unique(fold):
        model, index = make(), np.flatnonzero(fold == number)
        started = time.perf_counter()
        model.fit(curves.rows(fold != number))
        fitting += time.perf_counter() - started
        for epoch in protocol.observed:
            started = time.perf_counter()
            found = model.predict(curves.rows(index).until(epoch), protocol.horizon)
            seconds[epoch] += time.perf_counter() - started
            parts[epoch].append((index, found))
    n = len(curves)
    return Crossed(
        {epoch: _joined(found, n) for epoch, found in parts.items()},
        fitting / len(np.unique(fold)),
        {epoch: spent / n for epoch, spent in seconds.items()},
    )


def judge(
    curves: Curves, models: Mapping[str, Callable[[], CurveModel]], protocol: Protocol
) -> tuple[list[Verdict], dict[str, Termination]]:
    """Judges each model, and early termination with it.

    Args:
        curves: finished runs; those not observed up to the horizon are left out.
        models: name -> makes one.
        protocol: how.

    Returns:
        A verdict a model and number of epochs, and by model what early termination did, looking after each of them.

    Raises:
        ConfigError: too few finished runs or architectures.
        DataError: the curves lack an epoch of the protocol.
    """
    curves = curves.finished(protocol.horizon)
    curves.at(protocol.observed)
    if len(curves) < MIN_ITEMS or len(set(curves.ids)) < protocol.folds:
        raise ConfigError(
            "too few finished runs to judge with",
            got=f"{len(curves)} runs of {len(set(curves.ids))} architectures",
            expected=f"{MIN_ITEMS} runs of {protocol.folds} architectures",
        )
    verdicts, stops = [], {}
    for name, make in models.items():
        crossed = [cross_predict(make, curves, protocol, draw) for draw in range(protocol.draws)]
        verdicts += [_verdict(name, epoch, crossed, curves, protocol) for epoch in protocol.observed]
        stops[name] = early_termination(
            curves, crossed[0].predicted, protocol.horizon, threshold=protocol.threshold, seed=protocol.seed
        )
    return verdicts, stops


def _verdict(name: str, epoch: int, crossed: Sequence[Crossed], curves: Curves, protocol: Protocol) -> Verdict:
    final = curves.val_accuracy[:, -1]
    predictions = [c.predicted[epoch] for c in crossed]
    each = [_statistics(p, final, architecture_ids(curves), protocol) for p in predictions]
    errors = [error for error in predictions[0].errors if error is not None]
    kinds = [error.split(":")[0] for error in errors]
    return Verdict(
        model=name,
        observed=epoch,
        n=len(final) - len(errors),
        failed=len(errors),
        statistics={key: _mean([one[key] for one in each]) for key in each[0]},
        fit_seconds=float(np.mean([c.fit_seconds for c in crossed])),
        run_seconds=float(np.mean([c.run_seconds[epoch] for c in crossed])),
        errors={kind: kinds.count(kind) for kind in dict.fromkeys(kinds)},
    )


def _statistics(p: Predictions, final: Floats, groups: Sequence[int], protocol: Protocol) -> dict[str, Statistic]:
    keys = [*ORDERS, "rmse", "mae", *(f"coverage@{level:g}" for level in LEVELS)]
    good = np.isfinite(p.mean)
    if good.sum() < MIN_ITEMS:
        return {key: Statistic(None) for key in keys}
    ranked = rank(p.mean, final, ks=(5,), bootstrap=protocol.bootstrap, seed=protocol.seed)
    error = (p.mean - final)[good]
    columns = {"rmse": error**2, "mae": np.abs(error)}
    if np.isfinite(p.std[good]).all():
        for level in LEVELS:
            low, high = p.interval(level)
            columns[f"coverage@{level:g}"] = ((low <= final) & (final <= high))[good].astype(float)
    means = _resampled(columns, np.array(groups)[good], protocol)
    means["rmse"] = Statistic(*(v if v is None else v**0.5 for v in _three(means["rmse"])))
    found = {key: ranked[key] for key in ORDERS} | means
    return {key: found.get(key, Statistic(None)) for key in keys}


def _resampled(columns: Mapping[str, Floats], groups: np.ndarray, protocol: Protocol) -> dict[str, Statistic]:
    """Means with bootstrap intervals; whole architectures are drawn, as runs of one are alike."""
    _, codes = np.unique(groups, return_inverse=True)
    k = codes.max() + 1
    w = np.random.default_rng(protocol.seed).multinomial(k, np.full(k, 1 / k), size=protocol.bootstrap)[:, codes]
    found = {}
    for key, values in columns.items():
        draws = w @ values / w.sum(axis=1)
        ends = np.percentile(draws, [2.5, 97.5]).tolist() if protocol.bootstrap else [None, None]
        found[key] = Statistic(float(values.mean()), *ends)
    return found


def _mean(found: Sequence[Statistic]) -> Statistic:
    columns = zip(*map(_three, found), strict=True)
    return Statistic(*(None if None in column else float(np.mean(column)) for column in columns))


def _three(s: Statistic) -> tuple[float | None, float | None, float | None]:
    return s.value, s.low, s.high


def _joined(parts: Sequence[tuple[np.ndarray, Predictions]], n: int) -> Predictions:
    mean, std, samples = np.full(n, np.nan), np.full(n, np.nan), None
    errors: list[str | None] = [None] * n
    for index, found in parts:
        mean[index], std[index] = found.mean, found.std
        for i, error in zip(index, found.errors, strict=True):
            errors[i] = error
        if found.samples is not None:
            samples = np.full((n, found.samples.shape[1]), np.nan) if samples is None else samples
            samples[index] = found.samples
    return Predictions(mean, std, tuple(errors), samples)


# --- Judged models of learning curves as tables for a terminal and as figures ---

PICTURES = {
    "kendall": "Kendall tau with the final accuracy",
    "rmse": "error (RMSE) of the final accuracy",
    "coverage@0.8": "share inside the 80 % interval",
}


def verdict_table(verdicts: Sequence[Verdict], protocol: Protocol) -> Table:
    """Order, error, calibration and cost, with 95 % intervals."""
    title = f"Accuracy after epoch {protocol.horizon}, foretold from the first epochs"
    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    out.add_column("model", no_wrap=True)
    headings = (
        "epochs",
        "n",
        "failed",
        "Kendall",
        "best half",
        "RMSE, points",
        "50 %",
        "80 %",
        "95 %",
        "s fit",
        "s/run",
    )
    for heading in headings:
        out.add_column(heading, justify="right", no_wrap=True)
    for i, v in enumerate(verdicts):
        s = v.statistics
        out.add_row(
            Text(v.model),
            *(str(v.observed), str(v.n), str(v.failed)),
            *(_cell(s[key]) for key in ("kendall", "kendall_best_half")),
            _cell(s["rmse"], 100),
            *(_share(s[f"coverage@{level:g}"].value) for level in LEVELS),
            *(f"{v.fit_seconds:.2g}", f"{v.run_seconds:.1g}"),
            end_section=i + 1 == len(verdicts) or verdicts[i + 1].model != v.model,
        )
    return out


def termination_table(stops: Mapping[str, Termination], protocol: Protocol) -> Table:
    """What stopping hopeless runs saves and costs."""
    looks = ", ".join(map(str, protocol.observed))
    title = (
        f"Runs stopped where P(better than the best so far) < {protocol.threshold:g}, looked at after {looks} epochs"
    )
    out = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    out.add_column("model", no_wrap=True)
    for heading in ("runs", "stopped", "wrongly", "best lost", "epochs saved", "regret, points"):
        out.add_column(heading, justify="right")
    for name, t in stops.items():
        shares = (_share(value) for value in (t.stopped, t.wrong, t.best_lost, t.saved))
        out.add_row(Text(name), str(t.runs), *shares, f"{100 * t.regret:.2f}")
    return out


def picture(verdicts: Sequence[Verdict], key: str) -> Figure:
    """A statistic against the epochs observed, a line a model; readable in black and white."""
    figure, axes = canvas(5.2, 4.0)
    for i, name in enumerate(dict.fromkeys(v.model for v in verdicts)):
        own = [v for v in verdicts if v.model == name and v.statistics[key].value is not None]
        values = [v.statistics[key].value for v in own]
        style = {"marker": "osv^D*Pxd<>h"[i % 12], "linestyle": ("-", "--", ":", "-.")[i % 4]}
        axes.plot([v.observed for v in own], values, label=name, markersize=5, linewidth=1.2, **style)  # type: ignore[arg-type]
    if key.startswith("coverage"):
        axes.axhline(float(key.split("@")[1]), color="black", linewidth=0.8)
        axes.set_ylim(0, 1.02)
    axes.set_xlabel("epochs observed")
    axes.set_ylabel(PICTURES[key])
    legend(figure, axes)
    return figure


def _cell(s: Statistic, scale: float = 1.0) -> str:
    if s.value is None:
        return "-"
    value, *ends = (None if v is None else v * scale for v in (s.value, s.low, s.high))
    return f"{value:.2f}" if None in ends else f"{value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


# --- Models of learning curves, judged: `python -m studies.curves` ---

ADDITIONS = {"features": (), "losses": ("svr",), "mcmc": ("parametric",), "few": ()}  # and whose they are alone


@dataclass(frozen=True)
class Contestant:
    """A model in the report, from a name such as `svr+features`, `parametric+mcmc` or `last+few`.

    Attributes:
        name: in the report.
        model: of `CURVE_MODELS`.
        additions: `features` of architectures, `losses` of training, `mcmc`, or judged on `few` runs.
    """

    name: str
    model: str
    additions: frozenset[str]

    @classmethod
    def of(cls, name: str) -> Contestant:
        """Reads a name.

        Raises:
            ConfigError: there is no such model or addition.
        """
        model, *additions = name.split("+")
        wrong = [a for a in additions if a not in ADDITIONS or (ADDITIONS[a] and model not in ADDITIONS[a])]
        if model not in CURVE_MODELS or wrong:
            raise ConfigError(
                "unknown model of learning curves",
                got=name,
                expected=f"{' | '.join(CURVE_MODELS)}, with +features, +few, svr+losses, parametric+mcmc",
            )
        few = {"few"} if "mcmc" in additions else set()  # sampling takes seconds a curve
        return cls(name, model, frozenset({*additions, *few}))

    def judge(self, curves: Curves, protocol: Protocol, few: int) -> tuple[list[Verdict], Termination]:
        """Judges the model on curves, or on a few of them."""
        if "few" in self.additions:
            curves = curves.rows(np.sort(np.random.default_rng(protocol.seed).permutation(len(curves))[:few]))
        if "features" not in self.additions:
            curves = replace(curves, features=None)
        options: dict[str, Any] = {"mode": "mcmc"} if "mcmc" in self.additions else {}
        options |= {"train_loss": True} if "losses" in self.additions else {}
        if self.model == "parametric":
            protocol = replace(protocol, draws=1)  # it learns from no other curve, so cuts do not matter
        verdicts, stops = judge(curves, {self.name: lambda: make_curve_model(self.model, **options)}, protocol)
        return verdicts, stops[self.name]


def curves_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Judges models of learning curves on finished runs.

    Args:
        setting: whose space gives features.
        options: `out`, `resume`, `bootstrap`, and `curves`: `table` (`embedded`, or the path of a .csv or of a table of
            references), `models`, `observed`, `horizon` (None: the last epoch), `folds`, `draws`, `few`.

    Raises:
        ConfigError: unknown model, or epochs out of range.
        DataError: the table is not valid, or belongs to another space.
        ExistsError: the folder holds results and `resume` is not set.
    """
    own, out = dict(options["curves"]), Path(options["out"])
    contestants = [Contestant.of(name) for name in own["models"]]
    wanted = any("features" in c.additions for c in contestants)
    curves = load_curves(own["table"], setting if wanted else None)
    check_folder(out, resume=options["resume"])
    protocol = Protocol(
        observed=tuple(own["observed"]),
        horizon=own["horizon"] or curves.epochs[-1],
        folds=own["folds"],
        draws=own["draws"],
        bootstrap=options["bootstrap"],
    )
    verdicts: list[Verdict] = []
    stops: dict[str, Termination] = {}
    console = Console()
    for contestant in contestants:
        found, stops[contestant.name] = contestant.judge(curves, protocol, own["few"])
        verdicts += found
        console.print(f"judged {contestant.name}", highlight=False)
    if not console.is_terminal:
        console = Console(width=max(console.width, 140), color_system=None)
    for table in (verdict_table(verdicts, protocol), termination_table(stops, protocol)):
        console.print(table)
    write_curves(out, curves, protocol, verdicts, stops)
    print(f"wrote {out}/curves.json and figures")


def load_curves(table: str, setting: Setting | None) -> Curves:
    """Reads curves: `embedded`, a CSV, or a table of references; with features of the setting's space, if given.

    Raises:
        ConfigError: features are wanted of architectures in a CSV.
        DataError: the file is not valid, or belongs to another space.
    """
    path = asset(EMBEDDED) if table == "embedded" else Path(table)
    if path.suffix == ".csv":
        if setting is not None:
            raise ConfigError("curves in CSV have no features", got=table, fix="leave +features out of curves.models")
        return read_curves_csv(path)
    references = ReferenceTable.load(path)
    if setting is None:
        return Curves.from_table(references)
    references.check(space=setting.space.name)
    return Curves.from_table(references, architecture_features(setting.space, references.archs()))


def write_curves(
    folder: Path, curves: Curves, protocol: Protocol, verdicts: Sequence[Verdict], stops: Mapping[str, Termination]
) -> None:
    """Writes `curves.json` and a figure a statistic."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "runs": len(curves),
        "architectures": len(set(curves.ids)),
        "curves": curves.digest,
        "protocol": asdict(protocol),
        "verdicts": [asdict(v) for v in verdicts],
        "early_termination": {name: asdict(t) for name, t in stops.items()},
        "metadata": machine(),
    }
    (folder / "curves.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    for key in PICTURES:
        figure = picture(verdicts, key)
        for kind in ("svg", "png"):
            (folder / f"{key.replace('@', '_').replace('.', '')}.{kind}").write_bytes(to_bytes(figure, kind))


if __name__ == "__main__":
    run_study("curves", curves_study)
