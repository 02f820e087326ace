"""Models of learning curves, judged on finished runs: which orders best after few epochs, and is honest about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ghn.analysis.correlation import Statistic
from ghn.app.evaluation import check_folder, machine
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.drawing.style import canvas, legend
from ghn.errors import ArchitectureError, ConfigError
from ghn.families.curves.estimator import CURVE_MODELS, architecture_features, make_curve_model
from ghn.families.curves.stopping import Termination
from ghn.spaces.nasbench201.benchmark import EMBEDDED
from ghn.tables.csv import read_curves_csv
from ghn.tables.curves import Curves
from ghn.tables.references import ReferenceTable
from ghn.types import Space
from studies.curve_judge import LEVELS, Protocol, Verdict, judge
from studies.drawing import write_figure
from studies.run import run_study, write_json

PICTURES = {
    "kendall": "Kendall tau with the final accuracy",
    "rmse": "error (RMSE) of the final accuracy",
    "coverage@0.8": "share inside the 80 % interval",
}


# of models, and whose they are alone
ADDITIONS = {"features": (), "losses": ("svr",), "posterior": ("parametric",), "mcmc": ("parametric",), "few": ()}
EXTRAS = {"gp": "gpytorch"}  # packages of models
USUAL = (
    *("last", "sotl", "parametric", "parametric+posterior", "svr", "svr+losses", "svr+features"),
    *("bnn", "bnn+features", "gp", "gp+features"),
)
SHARES = (0.1, 0.2, 0.3, 0.5)  # of the epochs, after which models are usually asked


def curves_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Judges models of learning curves on finished runs.

    Args:
        setting: whose space gives features.
        options: `out`, `resume`, `bootstrap`, and `curves`: `table` (`embedded`, or the path of a .csv or of a table of
            references), `models` (None: those of `USUAL` that the curves can feed), `observed` (None: after `SHARES` of
            the epochs), `horizon` (None: the last epoch), `folds`, `draws`, `few`.

    Raises:
        ConfigError: unknown model, or epochs out of range.
        DataError: the table is not valid, or belongs to another space.
        ExistsError: the folder holds results and `resume` is not set.
    """
    own, out = dict(options["curves"]), Path(options["out"])
    contestants = [Contestant.of(name) for name in own["models"] or USUAL]
    wanted = any("features" in c.additions for c in contestants)
    curves = load_curves(own["table"], setting if wanted else None)
    contestants = _fed(contestants, curves, chosen=bool(own["models"]))
    check_folder(out, resume=options["resume"])
    horizon = own["horizon"] or curves.epochs[-1]
    protocol = Protocol(
        observed=tuple(own["observed"] or usual_epochs(curves, horizon)),
        horizon=horizon,
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


@dataclass(frozen=True)
class Contestant:
    """A model in the report, from a name such as `svr+features`, `parametric+mcmc` or `last+few`.

    Attributes:
        name: in the report.
        model: of `CURVE_MODELS`.
        additions: `features` of architectures, `losses` of training, the paper's own `posterior`, the same by `mcmc`,
            or judged on `few` runs.
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
                expected=f"{' | '.join(CURVE_MODELS)}, with +features, +few, svr+losses, parametric+posterior, "
                "parametric+mcmc",
            )
        few = {"few"} if "mcmc" in additions else set()  # sampling takes seconds a curve
        return cls(name, model, frozenset({*additions, *few}))

    def lacks(self, curves: Curves) -> str | None:
        """What the model needs and does not have; None where it has all."""
        if "features" in self.additions and curves.features is None:
            return "features of architectures"
        if (self.model == "sotl" or "losses" in self.additions) and curves.train_loss is None:
            return "training losses"
        package = "emcee" if "mcmc" in self.additions else EXTRAS.get(self.model)
        return None if package is None or find_spec(package) else f"{package} (pip install 'ghn[curves]')"

    def judge(self, curves: Curves, protocol: Protocol, few: int) -> tuple[list[Verdict], Termination]:
        """Judges the model on curves, or on a few of them."""
        if "few" in self.additions:
            curves = curves.rows(np.sort(np.random.default_rng(protocol.seed).permutation(len(curves))[:few]))
        if "features" not in self.additions:
            curves = replace(curves, features=None)
        options: dict[str, Any] = {"mode": "mcmc"} if "mcmc" in self.additions else {}
        options |= {"train_loss": True} if "losses" in self.additions else {}
        if self.additions & {"posterior", "mcmc"}:
            options |= {"spread": "posterior"}
            protocol = replace(protocol, draws=1)  # it learns from no other curve, so cuts do not matter
        verdicts, stops = judge(curves, {self.name: lambda: make_curve_model(self.model, **options)}, protocol)
        return verdicts, stops[self.name]


def _fed(contestants: Sequence[Contestant], curves: Curves, *, chosen: bool) -> list[Contestant]:
    """The models that curves can feed; of those that a user has chosen all, or a `ConfigError`."""
    lacking = {c.name: what for c in contestants if (what := c.lacks(curves)) is not None}
    if lacking and chosen:
        raise ConfigError(
            "some of the models lack what they need",
            got="; ".join(f"{name} needs {what}" for name, what in lacking.items()),
            fix="leave them out of curves.models, or bring it: a table of references (.jsonl) can hold losses, and has "
            "features",
        )
    for name, what in lacking.items():
        print(f"left out {name}: it needs {what}")
    return [c for c in contestants if c.name not in lacking]


def usual_epochs(curves: Curves, horizon: int) -> list[int]:
    """The recorded epochs nearest to `SHARES` of a training, each once; of a horizon of 20 these are 2, 4, 6 and 10.

    Raises:
        ConfigError: nothing is recorded before the horizon.
    """
    before = [epoch for epoch in curves.epochs if epoch < horizon]
    if not before:
        raise ConfigError("no epoch before the one to be foretold", got=list(curves.epochs), expected=f"< {horizon}")
    return sorted({min(before, key=lambda epoch: abs(epoch - share * horizon)) for share in SHARES})


def load_curves(table: str, setting: Setting | None) -> Curves:
    """Reads curves: `embedded`, a CSV, or a table of references.

    With features of the setting's space, if it is given; of a CSV only where its names are architectures of the space.

    Raises:
        DataError: the file is not valid, or belongs to another space.
    """
    path = asset(EMBEDDED) if table == "embedded" else Path(table)
    if path.suffix.lower() == ".csv":
        curves = read_curves_csv(path)
        features = None if setting is None else _features(setting.space, curves.ids)
        return replace(curves, features=features)
    references = ReferenceTable.load(path)
    if setting is None:
        return Curves.from_table(references)
    references.check(space=setting.space.name)
    return Curves.from_table(references, architecture_features(setting.space, references.archs()))


def _features(space: Space[Any], ids: Sequence[str]) -> np.ndarray | None:
    """Features of architectures [n, f]; None where a name is none of the space."""
    try:
        known = architecture_features(space, list(dict.fromkeys(ids)))
    except ArchitectureError:
        return None
    return np.array([known[name] for name in ids])


def write_curves(
    folder: Path, curves: Curves, protocol: Protocol, verdicts: Sequence[Verdict], stops: Mapping[str, Termination]
) -> None:
    """Writes `curves.json` and a figure a statistic."""
    content = {
        "runs": len(curves),
        "architectures": len(set(curves.ids)),
        "curves": curves.digest,
        "protocol": asdict(protocol),
        "verdicts": [asdict(v) for v in verdicts],
        "early_termination": {name: asdict(t) for name, t in stops.items()},
        "metadata": machine(),
    }
    write_json(folder / "curves.json", content)
    for key in PICTURES:
        write_figure(picture(verdicts, key), folder / key.replace("@", "_").replace(".", ""))


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


if __name__ == "__main__":
    run_study("curves", curves_study)
