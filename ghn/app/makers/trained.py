"""Estimators that train candidates, in full or cut short."""

from __future__ import annotations

from ghn.app.setting import Entry, Setting
from ghn.families.training.full import TrainingEstimator
from ghn.families.training.low_fidelity import LowFidelityEstimator


def training(name: str, setting: Setting) -> list[Entry]:
    """Full training."""
    trainer = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    return [Entry(f"training, {setting.recipe.epochs} epochs", trainer)]


def low_fidelity(name: str, setting: Setting) -> list[Entry]:
    """Training cut short."""
    return [Entry(f"low fidelity: {setting.fidelity}", make_low_fidelity(setting))]


def make_low_fidelity(setting: Setting) -> LowFidelityEstimator:
    """Makes the estimator that trains a little, with its states in the setting's folder."""
    return LowFidelityEstimator(
        setting.space,
        setting.task,
        setting.recipe,
        setting.fabric,
        fidelity=setting.fidelity,
        folder=setting.folder and setting.folder / "trainings",
        seed=1
        + setting.seed,  # not that of the shipped references: the beginning of a training knows too much of its end
    )
