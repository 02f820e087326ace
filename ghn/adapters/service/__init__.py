"""Hypernetworks behind HTTP: scores, orders, embeddings, weights, what to train next, and a page of networks."""

from __future__ import annotations

from ghn.extras import check_extra

check_extra("serve", "fastapi", "uvicorn")

from ghn.adapters.service.app import Service, make_app  # noqa: E402  (only where they are installed)
from ghn.adapters.service.limits import Limits  # noqa: E402
from ghn.adapters.service.security import Access, read_token  # noqa: E402
from ghn.adapters.service.served import Served  # noqa: E402
from ghn.adapters.service.server import run_server  # noqa: E402

__all__ = ["Access", "Limits", "Served", "Service", "make_app", "read_token", "run_server"]
