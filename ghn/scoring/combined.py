"""Two panels: the combined order, whose weights are known beforehand, and the mean of any estimators.

They differ in what references may correct.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from ghn.analysis.correction import (
    LEAST_OF_COUNTS,
    Population,
    Settings,
    View,
    correct,
    normal_ranks,
    trust_of,
    votes_of,
)
from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, check_known
from ghn.scoring.panel import Panel, Readings, Rows, members_of, normal_scores, parts_of
from ghn.scoring.standard_features import StandardFeatures, every_kind
from ghn.types import Estimator, Network, Space


class Combined(Panel):
    """Weighted sum of readings, each as a normal score; with references, a Gaussian process on what the sum misses.

    Without references the value is the sum, scaled: 0 is the middle of the space and 1 a standard deviation above.
    Members' disagreement did not tell how wrong the sum is (docs/ranking.md), so `std` is then the same for all. With
    references the value is the sum plus the process's mean, and `std` is its own for each candidate. The process sees
    the readings and features of the networks; readings have slopes of their own beside the sum, those outside it too.
    Which features say something in a space, and how, references tell (`ghn.analysis.correction.correct`). Few of them
    leave much open, more than seems open without any: up to some twenty, most candidates are less sure than before.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks); path
    features and surrogate as in White et al., "BANANAS", AAAI 2021; Gaussian process with a prior mean: Rasmussen &
    Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.38.

    Args:
        space: as all others of `Panel`.
        features: of networks, beside the readings; None: the space's own, if it has any, and those of any graph.
        slopes: readings that have a slope of their own; None: those of the sum.
        witness: a reading of the sum, or one of those whose mean is one, that errs by itself and does not count: where
            nothing is known of the population, counts on the one hand and all main readings on the other have votes as
            far as it confirms them (`trust_of`). None: in full.
        further: readings of the sum, beside the main ones, that a candidate may lack; they have votes as far as the
            main ones confirm them. Without a witness in full.

    Raises:
        ConfigError: also, the witness or a further reading is none of the sum, or the witness is in several.
    """

    source = "Zhang, Ren & Urtasun, ICLR 2019; Jiang, Wang & Bie, NeurIPS 2023; White et al., AAAI 2021"

    def __init__(
        self,
        space: Space[Any],
        members: Mapping[str, Estimator[Any]],
        weights: Mapping[str, float],
        *,
        population: Population | None = None,
        settings: Settings | None = None,
        features: Sequence[StandardFeatures] | None = None,
        slopes: Collection[str] | None = None,
        witness: str | None = None,
        further: Collection[str] = (),
    ) -> None:
        super().__init__(space, members, weights, population=population, settings=settings, optional=further)
        for name in further:
            check_known("further reading of a combined estimator", name, self._voting)
        self.witness, self.further = witness, tuple(further)
        self._heard = None if witness is None else self._heard_of(witness)
        self.features = list(features or every_kind(space))
        self.slopes = [name for name in weights if name in (self._voting if slopes is None else slopes)]

    @property
    def identity(self) -> dict[str, Any]:
        votes = self.population.votes if self.population else None
        kinds = {"features": [one.identity for one in self.features]}
        # the form is that of weights: in files without it `graph/params` was the mean of both counts
        how = {"witness": self.witness, "further": self.further, "least": LEAST_OF_COUNTS}
        asked = {} if self.population or self.witness is None else how
        return {**super().identity, "votes": votes, "slopes": self.slopes, **kinds, **asked, "form": 2}

    def options(self, weights: Collection[str]) -> dict[str, Any]:
        """What makes another of the same kind over other weights; where these lack the witness, nobody is confirmed."""
        found: dict[str, Any] = {"features": self.features, "slopes": [n for n in self.slopes if n in weights]}
        if self._heard in weights:
            found |= {"witness": self.witness, "further": [name for name in self.further if name in weights]}
        return found

    def population_of(self, read: Sequence[Readings]) -> Population:
        """What is usual among candidates; readings that say the same share a vote, and a witness confirms them."""
        found = super().population_of(read)
        good = [one for one in read if one.error is None]
        readings = [normal_scores(found, good, parts_of(name)) for name in self._voting]
        weights = np.array([self.weights[name] for name in self._voting])
        trust = np.ones(len(weights))
        if self.witness is not None:
            own = normal_scores(found, good, [self.witness])[:, 0]
            each = np.stack([ways.mean(1) for ways in readings], 1) * np.sign(weights)
            trust = self._trust(own, dict(zip(self._voting, each.T, strict=True)))
        late = np.array([name in self.further for name in self._voting])  # not confirmed, they take no one's vote
        before = np.where(late, trust, 1.0)
        votes = votes_of(readings, weights * before) * before
        trusted = votes * np.where(late, 1.0, trust)
        votes = trusted if trusted.any() else votes  # a witness whose vote others took, and that confirms nobody
        return Population(found.quantiles, dict(zip(self._voting, votes.tolist(), strict=True)))

    def _heard_of(self, witness: str) -> str:
        """The one reading of the sum that a witness is, or is part of.

        Raises:
            ConfigError: there is none, there are several, or it is a further one.
        """
        made_of = {name: {name, *parts_of(name)} for name in self._voting}
        check_known("witness of a combined estimator", witness, set[str]().union(*made_of.values()))
        of = [name for name, parts in made_of.items() if witness in parts]
        if len(of) > 1 or of[0] in self.further:
            expected = "a part of one reading of the sum, and of no further one"
            raise ConfigError(
                "a combined estimator can have no such witness", got=f"{witness}, of {of}", expected=expected
            )
        return of[0]

    def _trust(self, own: Floats, each: Mapping[str, Floats]) -> Floats:
        """How far each reading of the sum [k] is confirmed; of the witness's own scores [n], as they are read, and of
        those of each, higher for the better.
        """
        assert self._heard is not None
        witness = own * np.sign(self.weights[self._heard])
        main = [name for name in self._voting if name not in (self._heard, *self.further)]
        groups = [[name for name in main if bool(members_of(name)) is asked] for asked in (False, True)]
        counts, losses = (np.mean([each[n] for n in group], axis=0) if group else None for group in groups)
        *found, late = trust_of(witness, counts, losses, [each[name] for name in self.further], each[self._heard])
        trust = dict.fromkeys(self._voting, 1.0) | dict(zip(self.further, late, strict=True))
        for group, one in zip(groups, found, strict=True):
            trust |= dict.fromkeys(group, one)
        return np.array(list(trust.values()))

    def known(self, archs: Sequence[Any]) -> Floats:
        return _features_of(self.features[0], archs)

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats]:
        s = self.settings
        if known is None:
            unsure = s.amplitude + s.offset + s.noise[1] + self._slopes.sum() + s.unknown  # of scores of variance 1
            return s.slope * new.sums, np.full(len(new.sums), unsure**0.5)
        return self._taught(new, known, s, self._slopes)

    @property
    def _slopes(self) -> Floats:
        """Variances of the slopes of the readings."""
        return np.array([self.settings.unlearn if name in self.slopes else 0.0 for name in self.weights])

    def _taught(self, new: Rows, known: Rows, settings: Settings, slopes: Floats) -> tuple[Floats, Floats]:
        """What references say of candidates; of networks that are no members by what any graph has.

        Whatever else is asked about, a candidate is judged alike.
        """
        foreign = np.array([isinstance(trial.arch, Network) for trial in new.trials])
        members = not any(isinstance(trial.arch, Network) for trial in known.trials)
        mean, std = np.empty((2, len(foreign)))
        for asked, own in ((~foreign, members), (foreign, False)):
            if asked.any():
                part = new.part(asked)
                views = self._views(part, known, slopes, own=own)
                mean[asked], std[asked] = correct(views, known.sums, known.measured, part.sums, settings)
        return mean, std

    def _views(self, new: Rows, known: Rows, slopes: Floats, *, own: bool) -> list[View]:
        """What the regression sees: readings, and features of each kind, of the space if its `own` are known of all."""
        views = []
        for kind in [one for one in self.features if own or one.kind == "graph"]:
            seen, asked = (kind([trial.arch for trial in rows.trials]) for rows in (known, new))
            views.append(View(np.hstack([known.normal, seen]), np.hstack([new.normal, asked]), slopes))
        return views or [View(known.normal, new.normal, slopes)]


class Ensemble(Panel):
    """Mean normal score of the values of other estimators, and what references say of it.

    Of any members nothing is known beforehand: references tell the slope of the mean and how much noise it leaves. The
    regression sees the members' values alone. Without references nothing tells how wrong it is, so there is no `std`.

    Source: rank aggregation as in Lee & Ham, "AZ-NAS", CVPR 2024, sec. 3.3 (there by logarithms of ranks).

    Args:
        space: of the architectures.
        members: estimators by name.
        population: what their values are usually; None: each call's own candidates.
    """

    def __init__(
        self, space: Space[Any], members: Mapping[str, Estimator[Any]], *, population: Population | None = None
    ) -> None:
        super().__init__(space, members, {f"{name}/value": 1.0 for name in members}, population=population)
        self._features = StandardFeatures(space)
        papers = dict.fromkeys(member.source for member in self.members.values())
        self.source = "; ".join(("Lee & Ham, AZ-NAS, CVPR 2024 (rank aggregation)", *papers))

    @property
    def identity(self) -> dict[str, Any]:
        return {"fixed": False, **super().identity}  # files of scores tell it from `Combined` by this word

    def settled(self, networks: int, *, progress: bool = True) -> Ensemble:
        """The same with a population of networks drawn at random: a score then depends on no other candidate.

        Raises:
            ConfigError: too few networks, or too few that could be read.
        """
        population, _ = self.usual(networks, progress=progress)
        return Ensemble(self.space, self.members, population=population)

    def known(self, archs: Sequence[Any]) -> Floats:
        return _features_of(self._features, archs)

    def _values(self, new: Rows, known: Rows | None) -> tuple[Floats, Floats | None]:
        if known is None:
            return self.settings.slope * new.sums, None
        settings = self.settings.told(known.sums, normal_ranks(known.measured))
        view = View(known.normal, new.normal, np.zeros(known.normal.shape[1]))
        return correct([view], known.sums, known.measured, new.sums, settings)


def _features_of(features: StandardFeatures, archs: Sequence[Any]) -> Floats:
    """Features [n, f], 0 where one is not known; none [n, 0] where a space's own would be asked for other networks."""
    if features.kind == "space" and any(isinstance(arch, Network) for arch in archs):
        return np.zeros((len(archs), 0))
    return np.nan_to_num(features(archs), nan=0.0)
