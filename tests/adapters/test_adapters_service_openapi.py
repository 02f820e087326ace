"""What the service says of itself is true: its OpenAPI document against what it answers, by schemathesis."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from lightning_fabric import Fabric
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from served import client, make_served

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, fabric: Fabric) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("openapi")
    with client(make_served(folder, fabric), folder / "out") as ask:
        yield ask


EXAMPLES = 3  # 60 find no more, and take minutes
PATHS = ("/healthz", "/spaces", "/describe", "/score", "/rank", "/embed", "/weights", "/suggest", "/observe")


ASKED = [
    (path, mode) for path in PATHS for mode in GenerationMode if path in PATHS[2:] or mode is GenerationMode.POSITIVE
]  # a route that takes nothing cannot be given anything wrong


@pytest.mark.parametrize(("path", "mode"), ASKED, ids=lambda value: str(value).rpartition(".")[2])
def test_every_route_answers_as_described(app: Any, path: str, mode: GenerationMode) -> None:
    """Requests that fit the description, and such as do not: none breaks the server, and each answer is described."""
    schema = schemathesis.openapi.from_dict(app.get("/openapi.json").json())
    operation = next(one for found in schema.get_all_operations() if (one := found.ok()).path == path)

    @settings(max_examples=EXAMPLES, phases=(Phase.generate,), suppress_health_check=list(HealthCheck), database=None)
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        asked = case.as_transport_kwargs(base_url="http://testserver")
        body, _ = asked.pop("data", None), asked.pop("cookies", None)
        case.validate_response(app.request(**asked, content=body, follow_redirects=False), checks=CHECKS)

    check()


def test_every_route_is_tried(app: Any) -> None:
    assert set(app.get("/openapi.json").json()["paths"]) == set(PATHS)
