"""ghn inside Optuna: a sampler, a pruner, and studies that come and go.

study = optuna.create_study(direction="maximize", sampler=GHNSampler(ghn.load()), pruner=CurvePruner())
"""

from __future__ import annotations

from ghn.extras import check_extra

check_extra("optuna", "optuna")

from ghn.adapters.optuna_pruner import CurvePruner  # noqa: E402
from ghn.adapters.optuna_references import references_of_study, table_of_study  # noqa: E402
from ghn.adapters.optuna_sampler import GHNSampler  # noqa: E402
from ghn.adapters.optuna_studies import add_to_study  # noqa: E402
from ghn.adapters.optuna_trials import suggest_architecture  # noqa: E402

__all__ = [
    "CurvePruner",
    "GHNSampler",
    "add_to_study",
    "references_of_study",
    "suggest_architecture",
    "table_of_study",
]
