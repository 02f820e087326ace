"""Scores any number of candidates with workers, each network once, in constant memory; goes on after a kill."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any

from tqdm import tqdm

from ghn.errors import ConfigError, DataError
from ghn.scoring.guard import GIVE_UP_AFTER, Patience, failure_of, judge_stream, judges_together
from ghn.scoring.score_files import row_of_score, score_of_row
from ghn.scoring.score_store import Candidate, Read, ScoreStore
from ghn.search.workers import Judge, Workers, keep_busy
from ghn.spaces.members import network_hash
from ghn.types import Estimator, Score, Space, Trial

CHUNK = 64  # networks that are handed out together: weights of so many are generated at once
MOST = 1024  # candidates that are read for a chunk: where most are known, what was read is written down too


def score_all(
    candidates: Iterable[str],
    space: Space[Any],
    store: ScoreStore,
    workers: Workers,
    *,
    chunk: int = CHUNK,
    progress: bool = True,
    give_up_after: int | None = GIVE_UP_AFTER,
) -> None:
    """Scores candidates into a store.

    Networks are told apart by their canonical hash before anything is handed out. A chunk of them is a trial of the
    workers, and done when all of its scores are on disk. The same candidates come in the same chunks, however many
    workers there are and however often the run is killed, so that their scores are the same to the last bit.

    Args:
        candidates: official strings, or whatever the space parses; what is no member is a failure. They come in the
            same order when a run is gone on with; there may be more at their end.
        space: of them.
        store: where what is known stands.
        workers: whose judge is of `make_chunk_judge`.
        chunk: networks of a trial.
        progress: whether to show a bar.
        give_up_after: so many networks in a row for which the estimator raised an error end the run, and their chunk is
            not kept; None never does.

    Raises:
        DataError: other candidates stand in the store.
        EstimatorError: the estimator raised an error for one candidate after the other.
        TrainingError: workers died.
    """
    patience, known = Patience(give_up_after), store.counts()
    bar = tqdm(initial=known.scored, disable=not progress, desc="scoring", unit="net")

    def done(trial: Trial[Any], score: Score) -> None:
        number, networks = trial.arch
        scores = [score_of_row(row) for row in score.extra["scores"]]
        for (_, architecture), one in zip(networks, scores, strict=True):
            patience.note(Trial(architecture, architecture), one)
        store.done(number, {hashed: one for (hashed, _), one in zip(networks, scores, strict=True)})
        bar.update(len(scores))

    with bar:
        left = _chunks(_Reader(candidates, space, store, chunk), store)
        trials = (Trial(f"chunk {number}", (number, tuple(store.networks(number)))) for number in left)
        keep_busy(workers, lambda: next(((trial, None) for trial in trials), None), done)


def make_chunk_judge(make: Callable[[], tuple[Estimator[Any], Space[Any]]]) -> Judge:
    """What judges chunks, from what makes an estimator and the space of its candidates.

    Raises:
        ConfigError: the estimator judges candidates together, so that a score would depend on the chunk.
    """
    estimator, space = make()
    check_alone(estimator)

    def judge(trial: Trial[Any], _parent: Trial[Any] | None) -> Score:
        _, networks = trial.arch
        members = [Trial(text, space.parse(text)) for _, text in networks]
        found = {member.id: score for member, score in judge_stream(estimator, members)}
        scores = [found[member.id] for member in members]
        seconds = sum(score.cost_seconds for score in scores)
        good = float(sum(score.ok for score in scores))
        return Score(good, seconds, extra={"scores": [row_of_score(score) for score in scores]})

    return judge


def check_alone(estimator: Estimator[Any]) -> None:
    """Refuses an estimator whose scores depend on who else is scored."""
    if judges_together(estimator):
        fix = "give it a population (ensemble.population=1000; of a checkpoint: population= when it is trained)"
        raise ConfigError("this estimator judges candidates by one another, and chunks know only their own", fix=fix)


def _chunks(reader: _Reader, store: ScoreStore) -> Iterator[int]:
    """Numbers of the chunks that are to be scored: those left of an earlier run, then those of what is read now."""
    yield from store.waiting()
    yield from reader


class _Reader:
    """Reads candidates into chunks of a store; gives the numbers of those with something to score."""

    def __init__(self, candidates: Iterable[str], space: Space[Any], store: ScoreStore, chunk: int) -> None:
        self._candidates, self._space, self._store, self._chunk = iter(candidates), space, store, chunk
        self._digest, self._upto = blake2b(digest_size=16), 0

    def __iter__(self) -> Iterator[int]:
        self._pass_over(self._store.read())
        while True:
            read, new = list[Candidate](), set[str]()
            while len(new) < self._chunk and len(read) < MOST and (text := self._next()) is not None:
                read.append(one := self._candidate(text))
                if one.hash is not None and not self._store.knows(one.hash):
                    new.add(one.hash)
            if not read:
                return
            number = self._store.add(read, Read(self._upto, self._digest.hexdigest()))
            if new:
                yield number

    def _pass_over(self, read: Read) -> None:
        """Leaves out what an earlier run has read, and refuses other candidates."""
        while self._upto < read.upto and self._next() is not None:
            pass
        if read.upto and (self._upto, self._digest.hexdigest()) != read:
            raise DataError(
                f"{self._store.path} holds scores of other candidates: its first {read.upto} are not these",
                got=f"{self._upto} candidates",
                fix="give the same candidates, with further ones at their end, or another folder (out=...)",
            )

    def _next(self) -> str | None:
        text = next(self._candidates, None)
        if text is not None:
            self._upto += 1
            self._digest.update(text.encode() + b"\n")
        return text

    def _candidate(self, text: str) -> Candidate:
        try:
            arch = self._space.parse(text)
            return Candidate(self._space.format(arch), network_hash(self._space, arch))
        except Exception as error:
            return Candidate(text, error=failure_of(error).error)
