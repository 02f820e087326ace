"""What studies compute once and use often: features of networks, and measurements kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ghn.app.setting import Setting, open_checkpoint
from ghn.families.surrogates.inputs import Embedding, Input, Scores, make_inputs
from ghn.scoring.ranker import IMAGES
from ghn.scoring.readouts import Sample
from ghn.scoring.score_files import score_to_file
from ghn.tables.lookup import Recorded
from ghn.types import Score, Space, Trial

HYPERNETWORK = ("embedding", "scores")


class Measured:
    """A measurement as an estimator, so that `score_to_file` keeps what it gives.

    Args:
        measure: takes the parts of a trial's `arch`.
    """

    source = "a measurement"

    def __init__(self, measure: Callable[..., Score]) -> None:
        self.measure = measure
        self.identity: dict[str, Any] = {}

    def fit(self, history: Sequence[tuple[Trial[Any], Score]]) -> None:
        """Nothing to learn."""

    def cost(self, arch: Any) -> float | None:
        """None: a look-up costs nothing."""
        return None

    def score(self, trials: Sequence[Trial[Any]]) -> list[Score]:
        """Measures each."""
        return [self.measure(*trial.arch) for trial in trials]


@dataclass(frozen=True)
class Remembered:
    """A feature source whose features were computed beforehand.

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


def remember(
    setting: Setting, sets: Mapping[str, Sequence[str]], texts: Sequence[str], folder: Path, *, progress: bool
) -> dict[str, Remembered]:
    """Computes every input of some sets once for all networks; scores of a hypernetwork are kept on disk."""
    archs = [setting.space.parse(text) for text in texts]
    out: dict[str, Remembered] = {}
    for name in dict.fromkeys(name for names in sets.values() for name in names):
        source: Input
        if name not in HYPERNETWORK:
            source = make_inputs([name])[0]
        elif name == "embedding":
            source = Embedding(open_checkpoint(setting, setting.checkpoints[0])[1])
        else:
            _, model = open_checkpoint(setting, setting.checkpoints[0])
            skeletons = [{"depth": 1}] if "depth" in setting.space.describe() else []
            images = model.images(setting.task)
            sample = Sample(val=min(IMAGES, len(images.val)), batch=IMAGES)
            engine = model.estimator(task=images, sample=sample, skeletons=skeletons)
            trials = [Trial(text, arch) for text, arch in zip(texts, archs, strict=True)]
            path = folder / "members" / "ghn_depth1.jsonl"
            scores = score_to_file(engine, trials, path, engine.identity, progress=progress, label="hypernetwork")
            known = Recorded(dict(zip(archs, scores, strict=True)), identity=engine.identity)
            source = Scores(known, ("value", "accuracy"))
        rows = dict(zip(archs, source(setting.space, archs), strict=True))
        out[name] = Remembered(name, rows, getattr(source, "identity", None))
    return out
