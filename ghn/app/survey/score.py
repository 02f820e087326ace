"""Every line of a survey, scored on the same networks, in one process or several, into files that are gone on with."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ghn.app.job_keys import SurveyKeys
from ghn.app.setting import Entry, Setting, build_setting
from ghn.app.survey.entrants import Entrant, make_entrant, read_entrants
from ghn.errors import ConfigError, OtherSpaceError
from ghn.scoring.score_files import score_to_file
from ghn.search.workers import Here, Judge, Processes, Workers, keep_busy
from ghn.types import Score, Trial


@dataclass(frozen=True, slots=True)
class Scored:
    """One estimator, once for each of its seeds and checkpoints.

    Attributes:
        line: of the survey.
        source: the paper.
        scores: [replicate][n]; the first is what tables show.
        seconds: mean wall-clock seconds a network of the first; None where nothing was scored.
        macs: mean multiply-adds a network; None when unknown.
        one_off_seconds: paid before the first network, median over seeds and checkpoints; None when unknown.
        trainings: names of what was trained for the first; who has the same needs it once.
        warning: what a reader must know.
    """

    line: Entrant
    source: str
    scores: list[list[Score]]
    seconds: float | None
    macs: float | None
    one_off_seconds: float | None
    trainings: tuple[str, ...]
    warning: str | None


def score_lines(
    lines: Sequence[Entrant], setting: Setting, keys: SurveyKeys, archs: Sequence[str], folder: Path
) -> list[Scored]:
    """Scores networks with every line, but for those whose shipped trainings are of another space.

    Args:
        lines: of the survey.
        setting: what estimators are made from.
        keys: of the job; worker processes make the setting anew from them.
        archs: official strings, each once.
        folder: for a file of scores a replicate.

    Raises:
        ConfigError: a line cannot be made, or none serves this space; raised before anything is scored.
        DataError: a file holds scores made with other settings.
    """
    scorer = _Scorer(lines, setting, archs, folder, progress=keys.progress, give_up_after=keys.give_up_after)
    lines = [line for line in lines if scorer.serves(line)]
    if not lines:
        raise ConfigError(
            "what is shipped for the survey's estimators is of another space, and there are no others",
            got=repr(setting.space),
            fix="+survey.estimators.KEY={name: ESTIMATOR}, or checkpoint=PATH of a training in this space",
        )
    units = [
        Trial(f"{line.key}-{number}", (line.key, number))
        for line in lines
        for number in range(len(scorer.entries(line.key)))
    ]
    if (slots := keys.survey.workers) > 1:
        workers: Workers = Processes(partial(_in_a_process, keys.model_dump(), tuple(archs), folder), slots)
        files = [folder / f"{unit.id}.jsonl" for unit in units] if keys.progress else []
    else:
        workers, files = Here(scorer.judge), []
    with _bar(files, len(archs)):
        left = iter(units)
        keep_busy(workers, lambda: next(((unit, None) for unit in left), None), lambda unit, score: None)
    return [scorer.gather(line) for line in lines]


class _Scorer:
    """Scores all networks with one replicate of a line, as one trial of a worker.

    Args:
        lines: of the survey.
        setting: what estimators are made from.
        archs: official strings of the networks.
        folder: for the files of scores.
        progress: whether to show a bar a replicate.
        give_up_after: of `score_to_file`.
    """

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

    def serves(self, line: Entrant) -> bool:
        """Whether what is shipped for a line is of this space."""
        try:
            self.entries(line.key)
        except OtherSpaceError:
            return False
        return True

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
            self._known[key, number] = score_to_file(
                entry.estimator,
                self.trials,
                path,
                entry.estimator.identity,
                progress=progress,
                label=entry.name,
                give_up_after=self.give_up_after,
            )
        return self._known[key, number]

    def _macs(self, entry: Entry, scores: Sequence[Score]) -> float | None:
        """As the scores say, else as the estimator foretells for those that it could judge."""
        judged = [(t, s) for t, s in zip(self.trials, scores, strict=True) if s.ok]
        told = [s.extra["macs"] for _, s in judged if "macs" in s.extra]
        if not told:
            told = [cost for trial, _ in judged if (cost := entry.estimator.cost(trial.arch)) is not None]
        return float(np.mean(told)) if told else None


def _in_a_process(options: Mapping[str, Any], archs: Sequence[str], folder: Path) -> Judge:
    lines = read_entrants(options["survey"]["estimators"])
    patience = options["give_up_after"]
    return _Scorer(lines, build_setting(options), archs, folder, progress=False, give_up_after=patience).judge


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
