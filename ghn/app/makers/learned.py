"""Estimators that learn from trained networks alone."""

from __future__ import annotations

from typing import Any

from ghn.app.checkpoints import open_checkpoint
from ghn.app.makers.trained import make_low_fidelity
from ghn.app.setting import Entry, Setting
from ghn.errors import OtherSpaceError
from ghn.families.surrogates.surrogate import SurrogateEstimator
from ghn.scoring.crossfit import CrossFitted
from ghn.spaces.candidates import benchmark_of
from ghn.types import Score, Space, Trial


def surrogate(name: str, setting: Setting) -> list[Entry]:
    """A regression on published accuracies, cross-fitted."""
    options = dict(setting.surrogate)
    given = options.pop("given")
    history = published_history(setting.space, given)
    needs = {"embedding", "scores"} & set(options["inputs"])
    model = open_checkpoint(setting, setting.checkpoints[0])[1] if needs else None
    training = make_low_fidelity(setting) if "curve" in options["inputs"] else None

    def make() -> SurrogateEstimator:
        return SurrogateEstimator(setting.space, hypernetwork=model, training=training, **options)

    estimator = CrossFitted(make, setting.space)
    estimator.fit(history)
    return [Entry(f"surrogate: {options['model']}, {given} references", estimator)]


def published_history(space: Space[Any], given: int) -> list[tuple[Trial[Any], Score]]:
    """Published accuracies to learn from, of the space's benchmark.

    Raises:
        OtherSpaceError: the space has none.
        ConfigError: more than there are.
    """
    if (benchmark := benchmark_of(space)) is None:
        raise OtherSpaceError(
            "there are no published networks of this space to learn from",
            got=space.name,
            expected="a space with a benchmark",
        )
    return benchmark.history(given)
