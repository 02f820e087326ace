"""The description of the service for other programs, with an example of each request that works as it is."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI


def openapi(app: FastAPI, architecture: str) -> dict[str, Any]:
    """The OpenAPI document; examples are about an architecture that is served."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    schema = FastAPI.openapi(app)
    for path, value in _examples(architecture).items():
        body = schema["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        body["examples"] = {"one": {"value": value}}
    return schema


def _examples(architecture: str) -> dict[str, dict[str, Any]]:
    """Path -> a request."""
    return {
        "/score": {"architectures": [architecture], "readout": "loss", "skeletons": "fastest"},
        "/rank": {"architectures": [architecture]},
        "/embed": {"architectures": [architecture]},
        "/weights": {"architecture": architecture},
        "/describe": {"architecture": architecture},
        "/suggest": {"n": 1, "by": "expected_improvement"},
        "/observe": {"architecture": architecture, "value": 0.93},
    }
