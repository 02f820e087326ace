"""Estimators that train heirs of another network."""

from __future__ import annotations

from ghn.app.setting import Entry, Setting
from ghn.families.morphism.estimator import MorphismEstimator, largest


def morphism(name: str, setting: Setting) -> list[Entry]:
    """A short training from inherited weights."""
    heirs = make_morphism(setting)
    return [Entry(f"morphism, {heirs.epochs} epochs", heirs)]


def make_morphism(setting: Setting) -> MorphismEstimator:
    """Makes the estimator that trains heirs of the space's largest network, with its states in the setting's folder."""
    return MorphismEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        ancestor=largest(setting.space),
        epochs=setting.fidelity.epochs or setting.recipe.epochs,
        folder=setting.folder and setting.folder / "heirs",
        seed=1 + setting.seed,  # as in low fidelity
    )
