"""JSON without surprises: no NaN, no foreign types, and a schema that is checked on reading."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ghn.errors import DataError


def plain(value: Any) -> Any:
    """Tuples to lists, numpy scalars to Python's, non-finite numbers to None."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def check_schema(data: Mapping[str, Any], schema: str) -> None:
    """A DataError unless the JSON is of that schema."""
    if data.get("schema") != schema:
        raise DataError(
            "this is not a report that this version can read",
            got=f"schema {data.get('schema')!r}",
            expected=f"schema {schema!r}",
            fix="write it again with this version of ghn",
        )


def damaged(error: Exception, document: str = "docs/report.md") -> DataError:
    """The error for keys that are missing or unknown; `document` lists those that there are."""
    return DataError(
        "the report's JSON is damaged",
        got=f"{type(error).__name__}: {error}",
        expected=f"keys of {document}",
    )
