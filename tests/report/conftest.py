"""Comparisons that several tests share."""

from report_cases import comparison, data, evil, report  # noqa: F401
