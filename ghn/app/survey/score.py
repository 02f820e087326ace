"""The lines of a survey, each an estimator, scored on the same networks into files that are gone on with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.app.engines import make_workers
from ghn.app.estimators import ESTIMATORS, make_entries
from ghn.app.job_keys import SurveyKeys
from ghn.app.setting import OPTIONS, Entry, Setting, Taught, build_setting, with_options
from ghn.errors import ConfigError, GhnError, NothingToLearnError, NotShippedError, OtherSpaceError
from ghn.scoring.score_files import score_to_file
from ghn.search.workers import Here, Judge, keep_busy
from ghn.types import Score, Trial

APART = "not here: make trainings, in a clone"
LEFT_OUT: Mapping[type[GhnError], str] = {  # why a line is left out, where it cannot be made
    OtherSpaceError: "shipped for another space",
    NotShippedError: APART,
    NothingToLearnError: "too few trained networks, or none of this recipe, are known to learn from",
}


@dataclass(frozen=True, slots=True)
class Entrant:
    """One estimator of a survey."""

    key: str  # of the line in the config, and of its files
    label: str  # in tables and pictures
    estimator: str  # its name in the registry
    options: Mapping[str, Any]  # of `ghn.app.setting.OPTIONS`, for this line alone
    seeds: tuple[int, ...]  # each makes the estimator once more, for the spread over seeds


def read_entrants(config: Mapping[str, Any]) -> list[Entrant]:
    """Reads `survey.estimators`: key -> `{name: ESTIMATOR, label: TEXT, OPTION: VALUE, ...}`; null takes a line out.

    Raises:
        ConfigError: no lines, an unknown estimator or option, or two lines of one label.
    """
    lines = [_entrant(key, dict(options)) for key, options in config.items() if options is not None]
    labels = [line.label for line in lines]
    if not lines or len(set(labels)) < len(labels):
        raise ConfigError(
            "a survey needs estimators of different labels", got=labels, fix="+survey.estimators.KEY={name: ESTIMATOR}"
        )
    return lines


def _entrant(key: str, options: dict[str, Any]) -> Entrant:
    name = options.pop("name", key)
    label = options.pop("label", key.replace("_", " "))
    if name not in ESTIMATORS:
        raise ConfigError(f"survey line {key}: unknown estimator", got=name, expected=" | ".join(ESTIMATORS))
    if unknown := sorted(set(options) - {*OPTIONS, "seeds"}):
        known = " | ".join(("name", "label", *OPTIONS, "seeds"))
        raise ConfigError(f"survey line {key}: unknown options", got=unknown, expected=known)
    seeds = tuple(options.pop("seeds", None) or (0,))
    if len(set(seeds)) < len(seeds) or not all(isinstance(seed, int) for seed in seeds):
        raise ConfigError(f"survey line {key}: seeds must be different whole numbers", got=seeds)
    return Entrant(key, label, name, options, seeds)


def make_entrant(line: Entrant, setting: Setting) -> list[Entry]:
    """Makes a line's estimator, once a seed and checkpoint; the first is the one that the tables show.

    Trainings are kept beside those of other lines with the same recipe and seed, which share them.

    Raises:
        ConfigError: a line with several read-outs, or options that do not fit.
        CheckpointError: a checkpoint is damaged or of another kind.
    """
    try:
        made = [entry for seed in line.seeds for entry in make_entries(line.estimator, _setting(line, setting, seed))]
    except TypeError as error:
        raise ConfigError(f"survey line {line.key}: options do not fit", got=str(error)) from None
    except GhnError as error:
        raise type(error)(f"survey line {line.key}: {error}") from None
    return [replace(entry, name=line.label if i == 0 else f"{line.label}, no. {i + 1}") for i, entry in enumerate(made)]


def _setting(line: Entrant, setting: Setting, seed: int) -> Setting:
    own = replace(with_options(setting, line.options), seed=seed)
    if len(own.readouts) != 1:
        raise ConfigError("a survey line has one read-out", got=own.readouts)
    if setting.folder:
        kind = sha256(json.dumps([seed, setting.recipe.describe()]).encode()).hexdigest()[:8]
        own = replace(own, folder=setting.folder / "states" / kind)
    return own


@dataclass(frozen=True, slots=True)
class Scored:
    """One estimator, once for each of its seeds and checkpoints."""

    line: Entrant
    source: str  # the paper
    scores: list[list[Score]]  # [replicate][n]; the first is what tables show
    seconds: float | None  # mean wall-clock seconds a network of the first; None where nothing was scored
    macs: float | None  # mean multiply-adds a network; None when unknown
    one_off_seconds: float | None  # paid before the first network, median over seeds and checkpoints; None when unknown
    trainings: tuple[str, ...]  # names of what was trained for the first; who has the same needs it once
    warning: str | None  # what a reader must know


def score_lines(
    lines: Sequence[Entrant], setting: Setting, keys: SurveyKeys, archs: Sequence[str], folder: Path
) -> tuple[list[Scored], dict[str, str]]:
    """Scores networks with every line that can be made here.

    Worker processes make the setting anew from the keys. The folder gets a file of scores a replicate.

    Returns:
        What was scored, and why others are left out, by label.

    Raises:
        ConfigError: a line cannot be made, or none serves this space; raised before anything is scored.
        DataError: a file holds scores made with other settings.
    """
    scorer = _Scorer(lines, setting, archs, folder, progress=keys.progress, give_up_after=keys.give_up_after)
    left_out = {line.label: why for line in lines if (why := scorer.why_not(line))}
    lines = [line for line in lines if line.label not in left_out]
    if not lines:
        raise ConfigError(
            "none of the survey's estimators can be made for this space",
            got=f"{setting.space!r}; " + "; ".join(f"{label}: {why}" for label, why in left_out.items()),
            fix="+survey.estimators.KEY={name: ESTIMATOR}, or checkpoint=PATH of a training in this space",
        )
    units = [
        Trial(f"{line.key}-{number}", (line.key, number))
        for line in lines
        for number in range(len(scorer.entries(line.key)))
    ]
    if keys.survey.workers > 1 or keys.engine != "local":
        make = partial(_in_a_process, keys.model_dump(), setting.taught, tuple(archs), folder)
        workers = make_workers(make, keys.survey.workers, keys)
        files = [folder / f"{unit.id}.jsonl" for unit in units] if keys.progress else []
    else:
        workers, files = Here(scorer.judge), []
    with _bar(files, len(archs)):
        left = iter(units)
        keep_busy(workers, lambda: next(((unit, None) for unit in left), None), lambda unit, score: None)
    return [scorer.gather(line) for line in lines], left_out


class _Scorer:
    """Scores all networks with one replicate of a line, as one trial of a worker."""

    def __init__(
        self,
        lines: Sequence[Entrant],
        setting: Setting,
        archs: Sequence[str],
        folder: Path,
        *,
        progress: bool,
        give_up_after: int | None,
    ) -> None:
        self.lines, self.setting = {line.key: line for line in lines}, setting
        self.folder, self.progress, self.give_up_after = folder, progress, give_up_after
        self._made: dict[str, list[Entry]] = {}
        self._known: dict[tuple[str, int], list[Score]] = {}
        self.trials = [Trial(arch, setting.space.parse(arch)) for arch in archs]

    def entries(self, key: str) -> list[Entry]:
        """The replicates of a line, made once."""
        if key not in self._made:
            self._made[key] = make_entrant(self.lines[key], self.setting)
        return self._made[key]

    def why_not(self, line: Entrant) -> str | None:
        """Why a line is left out: what it needs is not known of this space; None where it is."""
        try:
            self.entries(line.key)
        except tuple(LEFT_OUT) as error:
            return LEFT_OUT[type(error)]
        return None

    def judge(self, trial: Trial[Any], _parent: Trial[Any] | None = None) -> Score:
        """Scores a replicate into its file; the value says how many networks could be judged."""
        key, number = trial.arch
        scores = self._scores(key, number, progress=self.progress)
        return Score(float(sum(s.ok for s in scores)), sum(s.cost_seconds for s in scores))

    def gather(self, line: Entrant) -> Scored:
        """Everything of a line that has been scored."""
        made = self.entries(line.key)
        scores = [self._scores(line.key, number, progress=False) for number in range(len(made))]
        good = [score for score in scores[0] if score.ok]
        paid = [entry.one_off_seconds for entry in made if entry.one_off_seconds is not None]
        # or what the scores say: an ancestor is trained when the first heir is asked for
        paid = paid or [s.extra["shared_seconds"] for s in good if "shared_seconds" in s.extra]
        return Scored(
            line,
            made[0].estimator.source,
            scores,
            float(np.mean([score.cost_seconds for score in good])) if good else None,
            self._macs(made[0], scores[0]),
            float(np.median(paid)) if paid else None,  # of trainings beside which much else ran, some took longer
            tuple(made[0].trainings),
            made[0].warning,
        )

    def _scores(self, key: str, number: int, *, progress: bool) -> list[Score]:
        """Asks once: what judges networks together would judge further ones by the first."""
        if (key, number) not in self._known:
            path, entry = self.folder / f"{key}-{number}.jsonl", self.entries(key)[number]
            how: dict[str, Any] = {"progress": progress, "label": entry.name, "give_up_after": self.give_up_after}
            identity = entry.estimator.identity
            self._known[key, number] = score_to_file(entry.estimator, self.trials, path, identity, **how)
        return self._known[key, number]

    def _macs(self, entry: Entry, scores: Sequence[Score]) -> float | None:
        """As the scores say, else as the estimator foretells for those that it could judge."""
        judged = [(t, s) for t, s in zip(self.trials, scores, strict=True) if s.ok]
        told = [s.extra["macs"] for _, s in judged if "macs" in s.extra]
        if not told:
            told = [cost for trial, _ in judged if (cost := entry.estimator.cost(trial.arch)) is not None]
        return float(np.mean(told)) if told else None


def _in_a_process(options: Mapping[str, Any], taught: Taught | None, archs: Sequence[str], folder: Path) -> Judge:
    lines = read_entrants(options["survey"]["estimators"])
    patience = options["give_up_after"]
    setting = replace(build_setting(options), taught=taught)
    return _Scorer(lines, setting, archs, folder, progress=False, give_up_after=patience).judge


@contextmanager
def _bar(files: Sequence[Path], networks: int) -> Iterator[None]:
    """A bar over all files of scores that grow while other processes write them; none where there are no files."""
    if not files:
        yield
        return

    def known() -> int:
        return sum(max(0, path.read_bytes().count(b"\n") - 1) for path in files if path.exists())

    done = threading.Event()
    # what was there before took no time: it must not count towards the time left
    with tqdm(total=len(files) * networks, initial=known(), desc="survey", unit="net") as bar:

        def watch() -> None:
            while not done.wait(2):
                bar.update(known() - bar.n)

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
