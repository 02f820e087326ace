"""Searchers and the ladder at equal cost, simulated on a table or trained for real."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ghn.app.estimators import make_entries
from ghn.app.evaluation import check_folder
from ghn.app.setting import Setting, open_checkpoint
from ghn.drawing.style import to_bytes
from ghn.errors import ConfigError, DataError
from ghn.scoring.ranker import make_ranker
from ghn.scoring.score_files import score_to_file
from ghn.tables.lookup import Recorded
from ghn.types import Estimator, Space, Trial
from studies.regrets import Regrets, print_regrets, regret_figure
from studies.run import run_study, write_json
from studies.simulated_searches import Scored, embedded_study, published_study
from studies.trained_searches import trained_study


def compare_searchers_study(setting: Setting, options: Mapping[str, Any]) -> None:
    """Simulates searchers on a table and writes `searchers.json` and `searchers.png`.

    Options: `compare.table` (`embedded`, `nasbench201`, or `trained`, which trains), `compare.seeds`, `compare.cost`
    (the largest, in full trainings), `compare.pilot` (of the ladder) and `compare.scores` (a `scores.jsonl` that
    job=rank_all wrote; null: in `out`).

    Raises:
        ConfigError: unknown table.
        MissingExtraError: the published table is not installed.
    """
    compare, out = dict(options["compare"]), Path(options["out"])
    table, scores = compare.pop("table"), Path(compare.pop("scores") or out / "scores.jsonl")
    if options["compare"]["scores"] and not scores.is_file():
        expected = "scores.jsonl of evaluate.py job=rank_all"
        raise DataError("no scores here", got=str(scores), expected=expected, fix="compare.scores=null: they are made")
    if table not in (*STUDIES, "trained"):
        raise ConfigError("unknown table to search", got=table, expected=" | ".join((*STUDIES, "trained")))
    check_folder(out, resume=options["resume"])
    if table == "trained":
        first = make_entries("combined", setting)[0].estimator
        found = trained_study(setting, first, out, progress=options["progress"], **compare).summary()
    else:
        found = STUDIES[table](_scored(setting, scores, progress=options["progress"]), **compare).summary()
    write_comparison(found, out)


def write_comparison(found: Mapping[str, Any], out: Path) -> None:
    """Writes `searchers.json` and `searchers.png` of a study's summary, and prints it."""
    write_json(out / "searchers.json", found)
    (out / "searchers.png").write_bytes(to_bytes(regret_figure(found), "png"))
    print_regrets(found)
    print(f"wrote {out}/searchers.json and searchers.png")


def _scored(setting: Setting, path: Path, *, progress: bool) -> Scored:
    """What judges a pool first on the ladder: the combined score, kept in a file."""

    def make(space: Space[Any], pool: Sequence[Any]) -> Estimator[Any]:
        _, model = open_checkpoint(setting, setting.checkpoints[0])
        ranker = make_ranker(model, task=setting.task)
        texts = [arch if isinstance(arch, str) else space.format(arch) for arch in pool]
        trials = [Trial(text, model.space.parse(text)) for text in texts]
        scores = score_to_file(ranker, trials, path, ranker.identity, progress=progress, label="scores for the ladder")
        return Recorded(dict(zip(texts, scores, strict=True)), space, source=ranker.source, mean_cost=True)

    return make


STUDIES: dict[str, Callable[..., Regrets]] = {"embedded": embedded_study, "nasbench201": published_study}


if __name__ == "__main__":
    run_study("compare_searchers", compare_searchers_study)
