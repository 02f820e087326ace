"""Hypernetworks behind HTTP: scores, orders, embeddings, weights, what to train next, and a page of networks."""

from __future__ import annotations

from ghn.errors import MissingExtraError

try:
    import fastapi  # noqa: F401
    import uvicorn  # noqa: F401
except ImportError:
    raise MissingExtraError("the service needs FastAPI and uvicorn", fix="pip install 'ghn[serve]'") from None

from ghn.adapters.service.app import Service, make_app
from ghn.adapters.service.limits import Limits
from ghn.adapters.service.security import Access, read_token
from ghn.adapters.service.served import Served
from ghn.adapters.service.server import run_server

__all__ = ["Access", "Limits", "Served", "Service", "make_app", "read_token", "run_server"]
