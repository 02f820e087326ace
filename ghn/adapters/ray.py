"""ghn inside Ray: scoring with Ray Data, a search algorithm for Ray Tune, and the workers of ghn's own jobs.

ray.data.read_parquet("in").map_batches(Scorer, concurrency=3).write_parquet("out")
tuner = tune.Tuner(train, tune_config=tune.TuneConfig(search_alg=GHNSearch(surrogate, "accuracy")))
"""

from __future__ import annotations

from ghn.extras import check_extra

check_extra("ray", "ray.tune", "ray.data")

from ghn.adapters.ray_scorer import Scorer  # noqa: E402
from ghn.adapters.ray_search import GHNSearch  # noqa: E402

__all__ = ["GHNSearch", "Scorer"]
