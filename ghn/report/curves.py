"""Models of learning curves, judged: `job=curves`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from ghn.assets import asset
from ghn.errors import ConfigError
from ghn.estimators.candidates import EMBEDDED
from ghn.estimators.curves.csv_file import read_curves_csv
from ghn.estimators.curves.data import Curves
from ghn.estimators.curves.features import architecture_features
from ghn.estimators.curves.judge import Protocol, Verdict, judge
from ghn.estimators.curves.make import CURVE_MODELS, make_curve_model
from ghn.estimators.curves.stopping import Termination
from ghn.estimators.references import ReferenceTable
from ghn.estimators.registry import Setting
from ghn.report.curve_tables import PICTURES, picture, termination_table, verdict_table
from ghn.report.evaluation import check_folder, machine
from ghn.report.style import to_bytes

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


def curves_job(setting: Setting, options: Mapping[str, Any]) -> None:
    """Judges models of learning curves on finished runs (job=curves).

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
