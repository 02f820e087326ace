"""What surrogates see of networks, computed once for all of them; scores of a hypernetwork are kept on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.app.setting import Setting, open_checkpoint
from ghn.families.surrogates.inputs import Embedding, Input, Scores, make_inputs
from ghn.scoring.ranker import reading_samples
from ghn.scoring.score_files import score_to_file
from ghn.tables.lookup import Recorded
from ghn.types import Space, Trial


@dataclass(frozen=True)
class PrecomputedInput:
    """A feature source whose features of all networks were computed beforehand.

    Attributes:
        name: of the source.
        rows: architecture -> its features [f].
        identity: what they depend on, JSON-able.
    """

    name: str
    rows: Mapping[Any, np.ndarray]
    identity: Any = None

    def __call__(self, space: Space[Any], archs: Sequence[Any]) -> np.ndarray:
        """Features [n, f]."""
        return np.stack([self.rows[arch] for arch in archs])


def precompute_inputs(
    setting: Setting, sets: Mapping[str, Sequence[str]], texts: Sequence[str], folder: Path, *, progress: bool
) -> dict[str, PrecomputedInput]:
    """Computes each input that some sets name.

    Args:
        setting: space, task and checkpoint.
        sets: names of inputs, by name of the set.
        texts: official strings of the networks.
        folder: for scores of the hypernetwork.
        progress: whether to show bars.
    """
    trials = [Trial(text, setting.space.parse(text)) for text in texts]
    archs = [trial.arch for trial in trials]
    out: dict[str, PrecomputedInput] = {}
    for name in dict.fromkeys(name for names in sets.values() for name in names):
        source: Input
        if name == "embedding":
            source = Embedding(open_checkpoint(setting, setting.checkpoints[0])[1])
        elif name == "scores":
            source = _hypernetwork_scores(setting, trials, folder, progress=progress)
        else:
            (source,) = make_inputs([name])
        rows = dict(zip(archs, source(setting.space, archs), strict=True))
        out[name] = PrecomputedInput(name, rows, source.identity)
    return out


def _hypernetwork_scores(setting: Setting, trials: Sequence[Trial[Any]], folder: Path, *, progress: bool) -> Scores:
    """Loss and accuracy with generated weights, in the variant in which the space is read fastest."""
    _, model = open_checkpoint(setting, setting.checkpoints[0])
    images = model.images(setting.task)
    engine = model.estimator(task=images, sample=reading_samples(model, images)[0], skeletons="fastest")
    path = folder / "members" / "ghn_depth1.jsonl"
    scores = score_to_file(engine, trials, path, engine.identity, progress=progress, label="hypernetwork")
    known = {trial.arch: score for trial, score in zip(trials, scores, strict=True)}
    return Scores(Recorded(known, identity=engine.identity), ("value", "accuracy"))
