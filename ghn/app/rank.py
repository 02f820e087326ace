"""job=rank: candidates, scored with estimators, their order compared with trained references."""

from __future__ import annotations

from ghn.app.estimators import make_entries
from ghn.app.evaluation import evaluate
from ghn.app.job_keys import RankKeys
from ghn.app.setting import Setting, as_list
from ghn.report.comparison import print_report
from ghn.spaces.candidates import choose_ranked


def rank_job(setting: Setting, keys: RankKeys) -> None:
    """Scores candidates with estimators and reports their order against references.

    Raises:
        ConfigError: unknown estimators, candidates or references; raised before anything is scored.
        DataError: references do not fit.
        ExistsError: `out` holds results, and `resume` is false.
    """
    archs, references, source = choose_ranked(
        keys.n, keys.candidates, keys.references, setting.space, setting.task.checksum
    )
    names = dict.fromkeys(as_list(keys.estimator))
    report = evaluate(
        [entry for name in names for entry in make_entries(name, setting)],
        setting.space,
        archs,
        references,
        keys.out,
        resume=keys.resume,
        bootstrap=keys.bootstrap,
        progress=keys.progress,
        give_up_after=keys.give_up_after,
        metadata={"candidates": f"{len(archs)} of {source}", "task": setting.task.name},
    )
    print_report(report)
    print(f"wrote {keys.out}/report.html, report.json and figures")
