"""The report as one HTML page that needs nothing else: no script, no font, no picture from outside."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ghn.analysis.comparison import Comparison, Row
from ghn.analysis.weighted import MIN_PART
from ghn.report import words
from ghn.report.figures import Picture, pictures
from ghn.report.report import Report
from ghn.report.style import to_bytes

LOWER_IS_BETTER = "regret@"
_FAILURES_SHOWN = 50


def render(report: Report, drawn: Sequence[Sequence[Picture]] | None = None) -> str:
    """The page as HTML; every number in it is one of `report.to_json()`.

    Args:
        report: what to show.
        drawn: the pictures of each comparison where they exist already; else they are drawn here.
    """
    drawn = drawn or [pictures(comparison) for comparison in report.comparisons]
    templates = environment()
    templates.globals |= {"verdict": words.verdict, "min_part": MIN_PART, "failures_shown": _FAILURES_SHOWN}
    return templates.get_template("page.html.j2").render(
        report=report,
        summaries=words.summaries(report),
        sections=[_section(*pair) for pair in zip(report.comparisons, drawn, strict=True)],
        resampling=sorted(
            {(c.settings.bootstrap, c.settings.seed) for c in report.comparisons if c.settings.bootstrap}
        ),
        metadata=flatten(report.metadata),
    )


def environment() -> Environment:
    """Where the templates of pages are, with what shows numbers in them."""
    found = Environment(
        loader=PackageLoader("ghn.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {
        "number": words.number,
        "quantity": words.quantity,
        "interval": words.interval,
        "duration": words.duration,
    }
    return found


def _section(comparison: Comparison, drawn: Sequence[Picture]) -> dict[str, Any]:
    images: dict[str, list[Markup]] = {}
    for picture in drawn:
        place = "dots" if picture.kind == "dots" else f"row {picture.subject}"
        images.setdefault(place, []).append(_image(picture))
    return {
        "comparison": comparison,
        "images": images,
        "columns": _columns(comparison),
        "every": sorted({key for row in comparison.rows for key in row.statistics}),
        "best": {key: _best(list(comparison.rows), key) for key, _, _ in _columns(comparison)},
    }


def _columns(comparison: Comparison) -> list[tuple[str, str, bool]]:
    """(statistic, heading, whether it carries the reference's unit) of the main table."""
    columns = [
        ("kendall", "Kendall", False),
        ("kendall_best_half", "best half", False),
        ("kendall_best_fifth", "best 20 %", False),
        ("kendall_within_groups", "inside equal size", False),
        ("spearman", "Spearman", False),
        *((f"regret@{k}", f"regret@{k}", True) for k in comparison.settings.ks),
    ]
    return [column for column in columns if column[0] != "kendall_within_groups" or comparison.levels]


def _best(rows: list[Row], key: str) -> float | None:
    values = [value for row in rows if (value := row.get(key).value) is not None]
    if not values:
        return None
    return min(values) if key.startswith(LOWER_IS_BETTER) else max(values)


def _image(picture: Picture) -> Markup:
    return inline(to_bytes(picture.figure, "svg"), picture.alt)


def inline(drawn: bytes, alt: str, kind: str = "svg+xml") -> Markup:
    """A drawing inside the page; `kind` is "svg+xml" or "png"."""
    # An <img> of its own keeps the ids inside one drawing from meeting those of the next.
    data = base64.b64encode(drawn).decode("ascii")
    return Markup('<img src="data:image/{};base64,{}" alt="{}">').format(kind, data, alt)


def flatten(data: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested metadata as (key, value) in words."""
    rows: list[tuple[str, str]] = []
    for key, value in data.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            rows += flatten(value, f"{name} / ")
        else:
            values = value if isinstance(value, list) else [value]
            rows.append((name, ", ".join(words.DASH if one is None else str(one) for one in values)))
    return rows
