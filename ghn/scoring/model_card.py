"""A model in a notebook: what it is of, what it was trained on, how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ghn.display import card, facts, named
from ghn.scoring.ranker import usual_of

if TYPE_CHECKING:  # models show themselves with this
    from ghn.scoring.model import Model


def model_line(model: Model) -> str:
    """One line for a terminal."""
    fields = {"space": model.space.name, "task": model.card["task"].get("name"), "steps": model.card.get("step")}
    known = {name: value for name, value in fields.items() if value is not None}
    return named(model, model.method, **known)


def model_card(model: Model) -> str:
    """A table for a notebook."""
    about, task = model.card, model.card["task"]
    seconds = about.get("seconds")
    metrics = about.get("metrics") or {}
    rows = {
        "weights": f"generated ({model.method})" if model.method == "ghn" else f"shared ({model.method})",
        "space": model.space.name,
        "task": task.get("name"),
        "inputs": task.get("input_shape"),
        "outputs": task.get("output_shape"),
        "steps of training": about.get("step"),
        "training": None if seconds is None else _duration(float(seconds)),
        "loss at the end": metrics.get("loss"),
        "parameters": sum(p.numel() for p in model.net.parameters()),
        "companions": len(model.companions) or None,
        "usual readings known": usual_of(about) is not None,
        "device": str(model.fabric.device),
        "digest": model.digest[:12] or None,
    }
    return card("Model", facts(rows))


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.3g} min" if seconds < 7200 else f"{seconds / 3600:.3g} h"
