"""Models of learning curves by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ghn.errors import ConfigError
from ghn.estimators.curves.baselines import LastValue, SumOfLosses
from ghn.estimators.curves.bnn import CurveBNN
from ghn.estimators.curves.gp import FreezeThaw
from ghn.estimators.curves.model import CurveModel
from ghn.estimators.curves.parametric import ParametricEnsemble
from ghn.estimators.curves.svr import CurveSVR

CURVE_MODELS: Mapping[str, Callable[..., CurveModel]] = {
    "last": LastValue,
    "sotl": SumOfLosses,
    "parametric": ParametricEnsemble,
    "svr": CurveSVR,
    "bnn": CurveBNN,
    "gp": FreezeThaw,
}


def make_curve_model(name: str, **options: Any) -> CurveModel:
    """Makes a model: `last`, `sotl`, `parametric`, `svr`, `bnn` or `gp`.

    Args:
        name: of the model.
        options: its arguments, such as `mode="mcmc"` for `parametric`.

    Raises:
        ConfigError: unknown name or option.
    """
    if name not in CURVE_MODELS:
        raise ConfigError("unknown model of learning curves", got=name, expected=" | ".join(CURVE_MODELS))
    try:
        return CURVE_MODELS[name](**options)
    except TypeError as error:
        raise ConfigError(f"the curve model {name} has no such option", got=options, expected=str(error)) from None
