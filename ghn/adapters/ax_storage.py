"""Clients of Ax with a `GHNNode` as JSON files: `client.save_to_json_file(path)`, and then `load_client`."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from ghn.adapters.ax import GHNNode
from ghn.extras import check_extra
from ghn.search.surrogate import Surrogate

check_extra("ax", "ax")

from ax.api.client import Client  # noqa: E402
from ax.storage.json_store.registry import CORE_DECODER_REGISTRY  # noqa: E402


def load_client(path: Path | str, surrogate: Surrogate[Any]) -> Client:
    """The client that `save_to_json_file` wrote, whose nodes of ghn ask this surrogate; it is told the trials.

    Args:
        path: of the file.
        surrogate: made as the one before was: the file holds the trials, and not what judges.
    """
    # Ax calls it as a class, and looks nowhere else where a client has no database
    CORE_DECODER_REGISTRY[GHNNode.__name__] = partial(GHNNode, surrogate)
    try:
        return Client.load_from_json_file(str(path))
    finally:
        del CORE_DECODER_REGISTRY[GHNNode.__name__]
