"""Which operations hypernetworks know: those that the first of them were made with, in that order, and later ones."""

from __future__ import annotations

import ghn.graph.ops  # noqa: F401  (all that are built in are registered)
from ghn.graph.op import OPS

# the order is that of the embeddings of every checkpoint: it is added to by checkpoints alone
BASE_OPERATIONS = (
    "conv",
    "batch_norm",
    "relu",
    "avg_pool",
    "max_pool",
    "global_pool",
    "input",
    "identity",
    "zero",
    "sum",
    "concat",
    "crop",
    "mix",
    "linear",
)
_BUILT_IN = frozenset(OPS)


def usual_operations() -> tuple[str, ...]:
    """The operations that a new hypernetwork knows: the base ones, and those that a user has registered."""
    return (*BASE_OPERATIONS, *(name for name in OPS if name not in _BUILT_IN))
