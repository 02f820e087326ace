"""One object to plug into any search: it is told what was trained, and says what to train next."""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic

import numpy as np

from ghn.analysis.weighted import Floats
from ghn.errors import ConfigError, DataError, ExistsError, check_counts, check_known
from ghn.files import write_atomic
from ghn.reading import reading
from ghn.scoring.model import Model
from ghn.search.acquisition import ACQUISITIONS, Acquisition
from ghn.search.belief import make_belief, space_and_estimator
from ghn.search.draws import Draws
from ghn.search.observations import CurveReader, Observed, References, curve_of, each_of, value_of, weighed
from ghn.search.surrogate_file import DIRECTIONS, SCHEMA, begins, read_state
from ghn.spaces import describe_space
from ghn.spaces.members import check_list
from ghn.types import Arch, Estimator, Space, Task, member_of

PARENTS = 4  # of the best observed, whose neighbours are proposed beside random members


class Surrogate(Generic[Arch]):
    """Is told what trainings gave, and says what to expect of others and what to train next.

    Readings of a network are taken once for each function and kept. What was suggested and not observed yet counts with
    the value that is expected of it, so that several can train at once and a batch does not repeat itself (Ginsbourger
    et al., "Kriging Is Well-Suited to Parallelize Optimization", 2010, sec. 2.2.2: the kriging believer).

    Args:
        judge: a hypernetwork, with everything at hand as in `Model.rank`; or an estimator: `Combined`, `Ensemble`, one
            that learns, such as `SurrogateEstimator`, or any other, whose value observations then correct.
        space: of the architectures; a hypernetwork's own by default.
        task: the images that a hypernetwork reads on; None: those that its checkpoint names.
        direction: `maximize` or `minimize` what is observed.
        pool: candidates among which `suggest` chooses.
        seed: of everything drawn; None: anyhow.
        allowed: says which networks can be trained at all, such as those that are small enough; `suggest` proposes no
            others, and does not read them. None: all.
        curves: reads curves of trainings that have not ended; None: only values are observed.

    Raises:
        ConfigError: an unknown direction, or an estimator without a space.
        CheckpointError: the hypernetwork was made for another space.
    """

    def __init__(
        self,
        judge: Model | Estimator[Arch],
        space: Space[Arch] | None = None,
        *,
        task: Task | None = None,
        direction: str = "maximize",
        pool: int = 256,
        seed: int | None = 0,
        allowed: Callable[[Arch], bool] | None = None,
        curves: CurveReader | None = None,
    ) -> None:
        check_known("direction of a surrogate", direction, DIRECTIONS)
        check_counts("of a surrogate, ", pool=pool)
        if allowed is not None and not callable(allowed):
            raise ConfigError("what can be trained is said by a function of an architecture", got=repr(allowed))
        if curves is not None and not isinstance(curves, CurveReader):
            raise ConfigError(
                "no reader of curves", got=repr(curves), fix="curves=ghn.search.CurveReader(horizon=EPOCHS)"
            )
        self.space, estimator = space_and_estimator(judge, space, task)
        self.direction, self.pool, self.allowed, self.curves = direction, pool, allowed, curves
        self._sign, self._belief = DIRECTIONS[direction], make_belief(estimator, self.space)
        self._archs: dict[Hashable, Arch] = {}  # of each function that is known
        self._values: dict[Hashable, list[float]] = {}  # of its trainings
        self._waiting: dict[Hashable, None] = {}  # suggested, and not observed yet
        self._failed: dict[Hashable, None] = {}
        self.reseed(seed)

    @property
    def observed(self) -> dict[str, float]:
        """Official string -> value, the mean over trainings of one function."""
        return {self.space.format(self._archs[key]): float(np.mean(v)) for key, v in self._values.items()}

    @property
    def best(self) -> tuple[Arch, float] | None:
        """The best architecture that was observed, with its value; None before the first."""
        if not self._values:
            return None
        key, value = max(self._means().items(), key=lambda pair: pair[1])
        return self._archs[key], self._sign * value

    def observe(self, arch: Arch | str, value: Observed) -> None:
        """Takes the value of a training; None of one that failed. A second training of a function is averaged in.

        Or its curve so far, with `curves`: a list of a value after each epoch, a dict of `epochs` and `val_accuracy`, a
        `Score` that has one. A longer curve, a value, or a failure of the function takes its place. With enough values
        it counts with what the judge expects and what the curve says, each as far as it is sure of it.

        Raises:
            ArchitectureError: no member of the space.
            ConfigError: the value is not a finite number, or above 1e100 in size; or a curve, which nothing reads.
            DataError: it is no curve.
        """
        member: Arch = member_of(self.space, arch)
        key = self.space.canonical(member)
        if (curve := curve_of(value, self.curves)) is not None and self.curves is not None:
            value = self.curves.add(key, curve, self._sign)
            if value is None:  # it has not ended
                self._archs.setdefault(key, member)
                self._waiting.pop(key, None)
                self._failed.pop(key, None)
                return
        self._ended(key, member, value_of(value))

    def observe_all(self, references: References, *, metric: str = "val_accuracy") -> int:
        """Takes references as they come; returns how many trainings were taken.

        Args:
            references: a table, one reading of a benchmark, a dict of official strings, or trials with their scores.
                With `curves`, those of trainings that did not reach the horizon are read so.
            metric: of a table.

        Raises:
            DataError: they are no references.
        """
        taken = 0
        for arch, value in each_of(references, metric, curves=self.curves is not None):
            self.observe(arch, value)
            taken += 1
        return taken

    def _ended(self, key: Hashable, member: Arch, value: float | None) -> None:
        """Takes the value of a training that has ended; None of one that failed."""
        self._archs.setdefault(key, member)
        self._waiting.pop(key, None)
        if self.curves is not None:
            self.curves.drop(key)
        if value is None:
            self._failed[key] = None
        else:
            self._failed.pop(key, None)
            self._values.setdefault(key, []).append(value)

    def predict(self, archs: Sequence[Arch | str]) -> tuple[Floats, Floats]:
        """Means and standard deviations [n] of values; NaN where an architecture cannot be judged.

        In the unit of the observations; with fewer than five of them, in standard deviations above the middle of the
        space, where the judge says something before any training.

        Raises:
            ConfigError: the judge must learn first, from more observations than there are; or one architecture that is
                in no list.
        """
        check_list(self.space, "predict", archs)
        if self._ignorant:
            got = f"{len(self._values)} observations"
            raise ConfigError("the surrogate has not learnt yet", got=got, expected=f"at least {self._belief.least}")
        self._belief.learn(*self._learnt(self._running()))
        mean, std = self._belief.expect([member_of(self.space, arch) for arch in archs])
        return self._sign * mean, std

    def acquire(self, pool: Sequence[Arch | str], n: int = 1, *, by: str = "expected_improvement") -> list[Arch]:
        """The `n` of a pool that are worth most to train, the first first; none twice, none that is known.

        Args:
            pool: of any search; of one function the first counts.
            n: how many; fewer are returned where the pool has no others.
            by: one of `ACQUISITIONS`.

        Raises:
            ConfigError: an unknown name, no whole number of at least 1, or one architecture in place of a pool.
        """
        check_known("acquisition", by, ACQUISITIONS)
        check_counts("architectures to acquire, ", n=n)
        check_list(self.space, "acquire", pool)
        left: dict[Hashable, Arch] = {}
        for arch in (member_of(self.space, one) for one in pool):
            left.setdefault(self.space.canonical(arch), arch)
        for key in self._known:
            left.pop(key, None)
        if self._ignorant:  # nothing tells them apart
            return self._draws.some(list(left.values()), n)
        return self._greedy(left, n, ACQUISITIONS[by])

    def suggest(
        self, n: int = 1, *, by: str = "expected_improvement", among: Sequence[Arch | str] | None = None
    ) -> list[Arch]:
        """What to train next: of random members and the neighbours of the best; they are then awaited.

        Args:
            n: how many; fewer where there are no others.
            by: one of `ACQUISITIONS`.
            among: the only ones that can be trained, such as those of a table; None: all of the space.

        Raises:
            ConfigError: as `acquire`.
        """
        check_counts("architectures to suggest, ", n=n)
        if among is not None:
            check_list(self.space, "suggest(among=)", among)
        pool = self._pool(max(n, self.pool)) if among is None else self._draws.of(among, max(n, self.pool), self._known)
        chosen = self.acquire(pool, n, by=by)
        for arch in chosen:
            self.announce(arch)
        return chosen

    def draw(self, n: int) -> list[Arch]:
        """Up to `n` members drawn at random that are not known, to begin with; they are then awaited."""
        check_counts("architectures to draw, ", n=n)
        drawn = self._draws.members(n, self._known)
        for arch in drawn:
            self.announce(arch)
        return drawn

    def announce(self, arch: Arch | str) -> None:
        """Takes note that someone else has begun to train it: it is awaited, as if it had been suggested.

        Raises:
            ArchitectureError: no member of the space.
        """
        member: Arch = member_of(self.space, arch)
        if (key := self.space.canonical(member)) not in self._known:
            self._archs.setdefault(key, member)
            self._waiting[key] = None

    def reseed(self, seed: int | None = None) -> None:
        """Draws otherwise from now on, so that copies in several processes do not suggest the same; None: anyhow."""
        if seed is not None:
            check_counts("of a surrogate, ", least=0, seed=seed)
        self._draws = Draws(self.space, self._allows, seed)
        self._noise = np.random.default_rng(seed)

    def save(self, path: Path | str) -> None:
        """Writes everything that was observed and read, so that `load` goes on.

        Raises:
            ExistsError: something else is there.
        """
        path = Path(path)
        if path.exists() and not begins(path):
            raise ExistsError(f"{path} is there, and no state of a surrogate", fix="choose another file")
        write_atomic(path, json.dumps(self.state()))

    def state(self) -> dict[str, Any]:
        """Everything that was observed and read, JSON-able: for who saves it with more."""
        text = {key: self.space.format(arch) for key, arch in self._archs.items()}
        return {
            "schema": SCHEMA,
            "space": describe_space(self.space),
            "direction": self.direction,
            "observed": {text[key]: values for key, values in self._values.items()},
            "waiting": [text[key] for key in self._waiting],
            "failed": [text[key] for key in self._failed],
            "readings": self._belief.kept(),
        } | ({} if self.curves is None else self.curves.kept(text))

    def take(self, state: Mapping[str, Any], where: Path | str = "the state of a surrogate") -> None:
        """Knows what another one did (`state`), and nothing else; readings of another judge are left out.

        Raises:
            DataError: the state, which `where` names, is damaged, or of another space or direction; nothing is changed.
        """
        if not isinstance(state, Mapping):
            raise DataError(f"{where} is none", got=repr(state)[:100], expected="what state() gave")
        ours = {"space": describe_space(self.space), "direction": self.direction}
        for name, own in ours.items():
            if state.get(name) != own:
                raise DataError(f"{where} is of another {name}", got=state.get(name), expected=own)
        before = self.state()
        try:
            self._replace(state)
        except Exception as error:
            self._replace(before)  # what was observed here is not lost
            raise DataError(f"{where} is damaged", got=repr(error)) from None

    def _replace(self, state: Mapping[str, Any]) -> None:
        for known in (self._archs, self._values, self._waiting, self._failed):
            known.clear()
        if self.curves is not None:
            self.curves.clear(state.get("finished", []))
        for text, values in state["observed"].items():
            for value in values:
                self.observe(text, value)
        for text in state["failed"]:
            self.observe(text, None)
        for text in state["waiting"]:
            self.announce(text)
        for text, curve in state.get("running", {}).items() if self.curves is not None else ():
            self.observe(text, curve)
        self._belief.take(state["readings"])

    def recall(self, path: Path | str) -> None:
        """Takes the readings of a saved surrogate, where they are of the same judge, and nothing else that it knew.

        Raises:
            DataError: it cannot be read.
        """
        state = read_state(Path(path))
        with reading(f"{path} is damaged"):
            self._belief.take(state["readings"])

    @classmethod
    def load(
        cls, path: Path | str, judge: Model | Estimator[Arch], space: Space[Arch] | None = None, **options: Any
    ) -> Surrogate[Arch]:
        """A surrogate that knows what a saved one did; readings of another judge are left out, and taken anew.

        Args:
            path: what `save` wrote.
            judge: as of the class.
            space: as of the class.
            **options: of the class; the direction is the saved one.

        Raises:
            DataError: it cannot be read, or is of another space.
        """
        state = read_state(Path(path))
        made = cls(judge, space, **{**options, "direction": state["direction"]})
        made.take(state, path)
        return made

    @property
    def _ignorant(self) -> bool:
        """Whether nothing is known of any candidate."""
        return not (self._belief.knows or self._corrected)

    @property
    def _corrected(self) -> bool:
        """Whether there are enough observations to learn from, so that expectations are in their unit."""
        running = {} if self.curves is None else self.curves.values(self._sign)
        return len({*self._values, *running}) >= self._belief.least

    @property
    def _known(self) -> set[Hashable]:
        """What need not be suggested: observed, awaited, or failed."""
        running = () if self.curves is None else self.curves.running
        return {*self._values, *self._waiting, *self._failed, *running}

    def _means(self) -> dict[Hashable, float]:
        """The mean of each function that was observed; higher is better."""
        return {key: self._sign * float(np.mean(values)) for key, values in self._values.items()}

    def _running(self) -> dict[Hashable, float]:
        """What is believed of trainings that have not ended, higher is better; those with a value have ended."""
        if self.curves is None:
            return {}
        read = {key: one for key, one in self.curves.values(self._sign).items() if key not in self._values}
        if not read or len(self._values) < self._belief.least:
            return {key: self._sign * value for key, (value, _) in read.items()}
        self._belief.learn(*self._learnt({}))
        means, stds = self._belief.expect([self._archs[key] for key in read])
        each = zip(read.items(), means, stds, strict=True)
        return {k: weighed((self._sign * value, std), (mean, own)) for (k, (value, std)), mean, own in each}

    def _learnt(self, believed: Mapping[Hashable, float]) -> tuple[list[Arch], Floats]:
        """What the judge learns from: observations, and what is believed of those that are awaited."""
        known = {**self._means(), **believed}
        return [self._archs[key] for key in known], np.array(list(known.values()))

    def _allows(self, arch: Arch) -> bool:
        return self.allowed is None or self.allowed(arch)

    def _pool(self, n: int) -> list[Arch]:
        """Members that are not known: neighbours of the best observed, a quarter at most, and random ones."""
        best = sorted(means := self._means(), key=means.__getitem__, reverse=True)[:PARENTS]
        near = self._draws.near([self._archs[key] for key in best], max(1, n // (4 * PARENTS)))
        return near + self._draws.members(n - len(near), self._known)

    def _greedy(self, left: dict[Hashable, Arch], n: int, acquisition: Acquisition) -> list[Arch]:
        """The `n` that are worth most, each given the value that is expected of those before it."""
        chosen: list[Arch] = []
        running = self._running()
        best = max((self._means() or running).values()) if self._corrected else 0.0
        self._belief.learn(*self._learnt(running))
        believed = dict(running)
        if self._waiting and self._corrected:
            expected, _ = self._belief.expect([self._archs[key] for key in self._waiting])
            believed |= {k: float(v) for k, v in zip(self._waiting, expected, strict=True) if np.isfinite(v)}
        while left and len(chosen) < n:
            if believed:
                self._belief.learn(*self._learnt(believed))
            mean, std = self._belief.expect(list(left.values()))
            worth = acquisition(mean, std, best, self._noise)
            if not np.isfinite(worth).any():
                break
            first = int(np.nanargmax(worth))
            key = list(left)[first]
            chosen.append(left.pop(key))
            self._archs.setdefault(key, chosen[-1])
            if self._corrected:
                believed[key] = float(mean[first])
        return chosen
