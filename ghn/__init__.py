"""ghn tells how good a neural architecture is without training it.

import ghn
model = ghn.load()                      # the shipped graph hypernetwork
scores = model.score(architectures)     # higher is better
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ghn import plot
    from ghn.analysis.compare import compare
    from ghn.graph import Graph
    from ghn.scoring.latency import latency
    from ghn.scoring.load import load
    from ghn.scoring.model import Model
    from ghn.search.surrogate import Surrogate
    from ghn.spaces import make_space
    from ghn.tasks import ImageTask, make_task
    from ghn.types import Network, Score, Trial

# imported on first use, so that `import ghn` is quick and each floor can be used without those above it
_HOME = {
    "Graph": "ghn.graph",
    "ImageTask": "ghn.tasks",
    "Model": "ghn.scoring.model",
    "Network": "ghn.types",
    "Score": "ghn.types",
    "Surrogate": "ghn.search.surrogate",
    "Trial": "ghn.types",
    "compare": "ghn.analysis.compare",
    "latency": "ghn.scoring.latency",
    "load": "ghn.scoring.load",
    "make_space": "ghn.spaces",
    "make_task": "ghn.tasks",
}

__version__ = "0.2.0"
__all__ = [
    "Graph",
    "ImageTask",
    "Model",
    "Network",
    "Score",
    "Surrogate",
    "Trial",
    "compare",
    "latency",
    "load",
    "make_space",
    "make_task",
    "plot",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name == "plot":
        return import_module("ghn.plot")
    if not name.startswith("_"):
        try:
            return getattr(import_module("ghn.spaces"), name)  # the class of a space, such as ghn.DARTS
        except AttributeError:
            pass
    raise AttributeError(f"module 'ghn' has no attribute {name!r}")
