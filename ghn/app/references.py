"""job=references: candidates, trained in full into a table of references."""

from __future__ import annotations

from pathlib import Path

from ghn.app.job_keys import ReferencesKeys
from ghn.app.setting import Setting
from ghn.assets import asset
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.families.training.full import TrainingEstimator, train_references
from ghn.files import from_json


def references_job(setting: Setting, keys: ReferencesKeys) -> None:
    """Trains candidates into `references.jsonl`.

    Raises:
        DataError: `archs` is no list of architectures.
        ConfigError: nothing to train.
        ExistsError: there are references already, and `resume` is false.
    """
    trainings = _trainings(keys.archs, keys.seeds)
    path = Path(keys.out) / "references.jsonl"
    if path.exists() and not keys.resume:
        raise ExistsError(
            "there are references already", got=str(path), fix="choose another folder, or go on: resume=true"
        )
    estimator = TrainingEstimator(setting.space, setting.task, setting.recipe, setting.fabric)
    table = train_references(estimator, trainings, path, progress=keys.progress, give_up_after=keys.give_up_after)
    print(f"wrote {path}: {len(table)} trainings of {len(table.archs())} networks")


def _trainings(source: str, seeds: list[int]) -> list[tuple[str, int]]:
    """(official string, seed) of every training: the first seed of all comes before the second of any."""
    path = Path(source) if Path(source).is_file() else asset(source)
    try:
        text = path.read_text()
        lines = [line.strip() for line in text.splitlines() if line.strip()]  # a genotype has blanks within
        lists = from_json(text) if path.suffix == ".json" else {"random": lines, "top": []}
        every = [*lists["random"], *lists["top"]]
        several = lists.get("three_seeds", every)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a list of architectures",
            got=repr(error),
            expected="official strings, one a line; or a .json with the lists random, top and three_seeds",
        ) from None
    if not every or not seeds:
        raise ConfigError("nothing to train", got=f"{len(every)} architectures, seeds {seeds}")
    return [(arch, seeds[0]) for arch in every] + [(arch, seed) for seed in seeds[1:] for arch in several]
