"""THE scoring engine: any `Weights` over any graphs to scores.

A hypernetwork, a bank of shared weights, a morphism, a few steps of SGD and a random initialisation differ only in the
weights that they give a graph; everything after that is here.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from itertools import islice
from math import isfinite
from random import Random
from statistics import fmean
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ghn.errors import ConfigError, GhnError, WriteError
from ghn.graph.canonical import canonical_hash
from ghn.graph.stats import graph_stats
from ghn.nets.net import not_finite
from ghn.scoring.guard import refused
from ghn.scoring.readouts import Sample, make_readout
from ghn.spaces import skeletons_of
from ghn.tasks.outputs import check_network
from ghn.train.runtime import choose_threads, cpu_threads, precision_of
from ghn.types import Network, Score, Space, Task, Trial, WeightDict, Weights, check_trials, network_of

DRAWS = 4  # networks whose size tells how many threads pay off


class WeightedEstimator:
    """Scores architectures with weights that are given, not trained.

    Candidates run on their live part unless told otherwise, with batch statistics, on a fixed sample;
    isomorphic candidates are scored once. A score does not depend on the other candidates or their order, beyond the
    rounding of float32.

    Args:
        weights: gives weights for graphs.
        space: of the architectures.
        task: its validation split scores; the ridge read-out also fits on its train split.
        fabric: the device. On a CPU the engine chooses how many threads pay off (`threads`), unless the runtime was
            made with a number, and leaves PyTorch's setting as it found it.
        readout: `loss` (minus the cross-entropy, the default), `accuracy`, `ridge`, or a zero-cost proxy.
        sample: how many images are seen.
        skeletons: settings of the space, such as `{"depth": 3}`: a candidate is run in each, and a reading is the mean
            over them; none: in the space as it is.
        weights_id: tells these weights from others, such as the digest of a checkpoint.
        live: whether candidates run on their live part; False runs dead branches along, as papers on raw cells do.
        block: candidates whose weights are made at once; memory grows with it, not with the number of candidates.
        source: the paper behind the weights.
    """

    def __init__(
        self,
        weights: Weights,
        space: Space[Any],
        task: Task,
        fabric: Fabric,
        *,
        readout: str = "loss",
        sample: Sample | None = None,
        skeletons: Sequence[Mapping[str, Any]] = (),
        weights_id: str = "",
        live: bool = True,
        block: int = 64,
        source: str = "Zhang, Ren & Urtasun, Graph HyperNetworks for Neural Architecture Search, ICLR 2019",
    ) -> None:
        if block < 1:
            raise ConfigError("block must be at least 1", got=block)
        self.weights, self.space, self.fabric, self.source = weights, space, fabric, source
        self.spaces = skeletons_of(space, skeletons)
        if sample is not None and not isinstance(sample, Sample):
            raise ConfigError("no sample of the images", got=sample, expected="such as Sample(val=128)")
        self.sample, self.block = (sample or Sample()).fit(task), block
        self.weights_id, self.task, self.live = weights_id, task.to(fabric.device), live
        self.readout = make_readout(readout, self.task, self.sample)

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing to learn: the weights are given."""

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        return [score for _, score in self.stream(trials)]

    @property
    def identity(self) -> dict[str, Any]:
        raw = {} if self.live else {"live": False}
        return raw | {
            "weights": self.weights_id,
            "readout": self.readout.identity,
            "sample": asdict(self.sample),
            "task": self.task.checksum,
            "space": [repr(space) for space in self.spaces],
            "precision": precision_of(self.fabric),
        }

    def stream(self, trials: Iterable[Trial[Any]]) -> Iterator[tuple[Trial[Any], Score]]:
        """Scores any number of trials in the memory of one block; an architecture may be a `Network` of any other."""
        known: dict[Hashable, dict[str, float]] = {}
        iterator = iter(trials)
        while block := check_trials(list(islice(iterator, self.block))):
            with cpu_threads(self.threads):  # of a block, so that whoever takes no more of the stream loses nothing
                scores = self._score_block(block, known)
            yield from zip(block, scores, strict=True)

    def cost(self, arch: Any) -> float:
        """Multiply-adds of reading one architecture, over all skeletons; what makes its weights is not counted."""
        return sum(graph_stats(network.graph).macs for network in self._networks(arch)) * self.readout.passes

    @cached_property
    def threads(self) -> int:
        """CPU threads that candidates run on: an explicit number of the runtime, else what their size makes pay off."""
        rng, sizes = Random(0), [0]
        for arch in [self.space.sample(rng) for _ in range(DRAWS)]:
            with suppress(GhnError):  # scoring will say what is wrong
                sizes += [graph_stats(space.network(arch).graph).macs for space in self.spaces]
        return choose_threads(self.fabric, max(sizes))

    def _networks(self, arch: Any) -> list[Network]:
        """What is run of a candidate: it in each variant of the space; a network of elsewhere as it is."""
        made = [arch] if isinstance(arch, Network) else [network_of(space, arch) for space in self.spaces]
        return [network.live() for network in made] if self.live else made

    @torch.no_grad()
    def _score_block(self, trials: Sequence[Trial[Any]], known: dict[Hashable, dict[str, float]]) -> list[Score]:
        started = time.perf_counter()
        keys: list[list[Hashable]] = []  # of each trial, one a skeleton
        networks: dict[Hashable, Network] = {}
        failed: dict[Hashable, str] = {}
        for i, trial in enumerate(trials):
            try:
                made = self._networks(trial.arch)
                for network in made:
                    check_network(network.graph, self.task)
                keys.append([network_key(network) for network in made])
                networks.update((k, network) for k, network in zip(keys[-1], made, strict=True) if k not in known)
            except GhnError as error:
                keys.append([i])  # no graph, so a key of its own
                failed[i] = str(refused(error).error)
        known.update(self._read(networks, failed))
        seconds = (time.perf_counter() - started) / len(trials)
        return [_as_score(own, known, failed, seconds) for own in keys]

    def _read(
        self, networks: Mapping[Hashable, Network], failed: dict[Hashable, str]
    ) -> dict[Hashable, dict[str, float]]:
        """Readings of each network; the device is waited for once a block."""
        pending: dict[Hashable, dict[str, Tensor]] = {}
        made = dict(zip(networks, self._weights(networks, failed), strict=True))
        for (key, network), weights in zip(networks.items(), made.values(), strict=True):
            if weights is None:
                continue
            try:
                with self.fabric.autocast():
                    pending[key] = dict(self.readout(network, network.complete(weights)))
            except (GhnError, RuntimeError) as error:
                if isinstance(error, WriteError):
                    raise
                failed[key] = f"{type(error).__name__}: {error}"
        if not pending:
            return {}
        names = list(next(iter(pending.values())))
        table = torch.stack([torch.stack([r[n].float() for n in names]) for r in pending.values()]).tolist()
        found = {key: dict(zip(names, row, strict=True)) for key, row in zip(pending, table, strict=True)}
        for key in [key for key, row in found.items() if not all(map(isfinite, row.values()))]:
            if wrong := not_finite(made[key] or {}):
                failed[key] = f"the weights made for it are not finite: {', '.join(wrong[:3])}"
        return found

    def _weights(self, networks: Mapping[Hashable, Network], failed: dict[Hashable, str]) -> list[WeightDict | None]:
        """Weights of all networks at once; where one of them is at fault, one by one, to find which."""
        try:
            return list(self.weights([network.graph for network in networks.values()])) if networks else []
        except GhnError:
            out: list[WeightDict | None] = []
            for key, network in networks.items():
                try:
                    out.append(self.weights([network.graph])[0])
                except GhnError as error:
                    out.append(None)
                    failed[key] = str(error)
            return out


def network_key(network: Network) -> Hashable:
    """Equal for networks that are run alike: modules of a user's may hold more than their graphs."""
    key = canonical_hash(network.graph)
    return key if not network.own else (key, id(network.program))


def _as_score(
    keys: list[Hashable],
    known: Mapping[Hashable, dict[str, float]],
    failed: Mapping[Hashable, str],
    seconds: float,
) -> Score:
    """The mean of a candidate's readings over its skeletons; a failure where one of them failed."""
    if why := next((failed[k] for k in keys if k in failed), None):
        return Score.failed(why, seconds)
    readings = {name: fmean(known[k][name] for k in keys) for name in known[keys[0]]}
    if bad := {name: value for name, value in readings.items() if not isfinite(value)}:  # also where `value` is finite
        return Score.failed(f"a read-out is not finite: {bad}", seconds)
    return Score(readings.pop("value"), seconds, extra=readings)
