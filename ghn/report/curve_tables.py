"""Judged models of learning curves as tables for a terminal and as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from rich import box
from rich.table import Table
from rich.text import Text

from ghn.estimators.curves.judge import LEVELS, Protocol, Verdict
from ghn.estimators.curves.stopping import Termination
from ghn.ranking import Statistic
from ghn.report.style import canvas, legend

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
