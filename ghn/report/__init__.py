"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.report.compare import compare
from ghn.report.inputs import LIVE_PARAMETERS, RANDOM_ORDER
from ghn.report.model import Ceiling, Comparison, Failure, Levels, Report, Row, Settings, Versus
from ghn.report.page import render
from ghn.report.terminal import print_report, to_text
from ghn.report.write import read_report, write_report

__all__ = [
    "LIVE_PARAMETERS",
    "RANDOM_ORDER",
    "Ceiling",
    "Comparison",
    "Failure",
    "Levels",
    "Report",
    "Row",
    "Settings",
    "Versus",
    "compare",
    "print_report",
    "read_report",
    "render",
    "to_text",
    "write_report",
]
