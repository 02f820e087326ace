"""The surrogate of a sampler: made for the direction of its study, or one that a user gave."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Generic

from ghn.arguments import check_names
from ghn.errors import ConfigError
from ghn.scoring.model import Model
from ghn.search.surrogate import Surrogate
from ghn.spaces import describe_space
from ghn.types import Arch, Estimator, Space


class SurrogateMaker(Generic[Arch]):
    """Makes the surrogate for a direction; can be pickled where the judge can.

    Args:
        judge: a hypernetwork or an estimator; or a surrogate, which is given as it is.
        space: of the architectures; a hypernetwork's own by default.
        rng: for seeds.
        options: of the `Surrogate`.

    Raises:
        ConfigError: a surrogate is given, and with it another space, or options.
    """

    def __init__(
        self,
        judge: Surrogate[Arch] | Model | Estimator[Arch],
        space: Space[Arch] | None,
        rng: Random,
        options: Mapping[str, Any],
    ) -> None:
        if isinstance(judge, Surrogate):
            if options:
                fix = f"ghn.Surrogate(..., {', '.join(options)}=...)"
                raise ConfigError("a surrogate that is given keeps its own options", got=dict(options), fix=fix)
            if space is not None and space is not judge.space and describe_space(space) != describe_space(judge.space):
                what, fix = "the surrogate is of another space", "leave the space out, or make a surrogate of it"
                raise ConfigError(what, got=repr(judge.space), expected=repr(space), fix=fix)
        else:
            given = {**options, "judge": judge, "space": space}
            check_names("option", "a surrogate", Surrogate, given)
        self._judge, self._space, self._rng, self._options = judge, space, rng, dict(options)

    def __call__(self, direction: str) -> Surrogate[Arch]:
        if isinstance(self._judge, Surrogate):
            return self._judge
        seed = self._rng.getrandbits(32)
        return Surrogate(self._judge, self._space, direction=direction, seed=seed, **self._options)
