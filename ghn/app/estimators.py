"""Estimators by name, as configs give them; what makes one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from ghn.errors import ConfigError

if TYPE_CHECKING:
    from ghn.app.setting import Entry, Setting

YOUNG = 2000  # steps below which a hypernetwork orders worse than size does; Source: docs/log.md, 2026-11-24


@dataclass(frozen=True, slots=True)
class Named:
    """An estimator that has a name, and what it is in a line."""

    about: str
    place: str  # `module:function` of what makes it from its name and a setting, in `ghn.app.makers`


_CURVE = "a short training, extrapolated by "
ESTIMATORS: Mapping[str, Named] = {
    "ghn": Named("weights from a graph hypernetwork", "weighted:generated"),
    "combined": Named("generated weights in several depths, random weights, and size together", "weighted:combined"),
    "ensemble": Named("the mean normal score of ensemble.members", "weighted:ensemble"),
    "ensemble_best": Named("the best order of the survey, 50 published networks given", "weighted:preset"),
    "ensemble_cheap": Named("40 ms a candidate, 50 published networks given", "weighted:preset"),
    "meco": Named("channels that say different things (Jiang et al., NeurIPS 2023)", "weighted:zero_cost"),
    "swap": Named("units that fire differently (Peng et al., ICLR 2024)", "weighted:zero_cost"),
    "params": Named("live parameters: the bar to beat", "weighted:zero_cost"),
    "flops": Named("multiply-adds of one image", "weighted:zero_cost"),
    "grad_norm": Named("norms of the gradients (Abdelfattah et al., ICLR 2021)", "weighted:zero_cost"),
    "snip": Named("weight times gradient (Lee et al., ICLR 2019)", "weighted:zero_cost"),
    "grasp": Named("weight times Hessian times gradient (Wang et al., ICLR 2020)", "weighted:zero_cost"),
    "fisher": Named("what leaving a channel out would cost (Turner et al., ICLR 2020)", "weighted:zero_cost"),
    "synflow": Named("what flows through the weights, without data (Tanaka et al., 2020)", "weighted:zero_cost"),
    "jacob_cov": Named("correlation of the Jacobians (Mellor et al., 2006.04647v1)", "weighted:zero_cost"),
    "naswot": Named("images told apart by the units that fire (Mellor et al., 2021)", "weighted:zero_cost"),
    "zen": Named("how far features move with the input (Lin et al., ICCV 2021)", "weighted:zero_cost"),
    "random_init": Named("random weights", "weighted:random_init"),
    "oneshot": Named("a bank of shared weights, fixed paths (Bender et al., ICML 2018)", "weighted:generated"),
    "enas": Named("a bank that ENAS has trained (Pham et al., ICML 2018)", "weighted:generated"),
    "darts": Named("a bank that DARTS has trained (Liu et al., ICLR 2019)", "weighted:generated"),
    "smash": Named("a hypernetwork over memory banks (Brock et al., ICLR 2018)", "weighted:generated"),
    "low_fidelity": Named("training cut short in epochs, data, resolution or width", "trained:low_fidelity"),
    "morphism": Named("weights inherited from the largest network, then a short training", "trained:morphism"),
    "surrogate": Named("a regression on published accuracies of a few networks", "trained:surrogate"),
    "curve_last": Named(_CURVE + "its last value", "trained:curve"),
    "curve_sotl": Named(_CURVE + "the sum of its losses", "trained:curve"),
    "curve_parametric": Named(_CURVE + "parametric curves", "trained:curve"),
    "curve_svr": Named(_CURVE + "support vectors on finished curves", "trained:curve"),
    "curve_bnn": Named(_CURVE + "a Bayesian network on finished curves", "trained:curve"),
    "curve_gp": Named(_CURVE + "freeze-thaw on finished curves", "trained:curve"),
    "training": Named("full training", "trained:training"),
}


def make_entries(name: str, setting: Setting) -> list[Entry]:
    """Makes the estimators that a name stands for, one a checkpoint and read-out.

    Raises:
        ConfigError: unknown name, or settings with which the estimator cannot work.
        CheckpointError: a checkpoint is damaged, or made for another space or kind of data.
    """
    if name not in ESTIMATORS:
        raise ConfigError("unknown estimator", got=name, expected=" | ".join(ESTIMATORS))
    module, _, function = ESTIMATORS[name].place.partition(":")
    made: list[Entry] = getattr(import_module(f"ghn.app.makers.{module}"), function)(name, setting)
    return made
