"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.report.bias import measure_bias
from ghn.report.bias_figures import bias_map, bias_pictures, likeness_map
from ghn.report.bias_model import Bias, BiasRow, BiasSettings, Effect, Judged, Likeness, WrongPair
from ghn.report.bias_words import findings, likeness_findings, overrates, wrong_pair
from ghn.report.cell_picture import pair_figure
from ghn.report.compare import compare
from ghn.report.diagrams import Diagram, diagrams
from ghn.report.inputs import LIVE_PARAMETERS, RANDOM_ORDER
from ghn.report.model import Ceiling, Comparison, Failure, Levels, Report, Row, Settings, Versus
from ghn.report.page import render
from ghn.report.properties import PROPERTIES, graph_properties, space_properties
from ghn.report.terminal import print_report, to_text
from ghn.report.write import read_report, write_report

__all__ = [
    "LIVE_PARAMETERS",
    "PROPERTIES",
    "RANDOM_ORDER",
    "Bias",
    "BiasRow",
    "BiasSettings",
    "Ceiling",
    "Comparison",
    "Diagram",
    "Effect",
    "Failure",
    "Judged",
    "Levels",
    "Likeness",
    "Report",
    "Row",
    "Settings",
    "Versus",
    "WrongPair",
    "bias_map",
    "bias_pictures",
    "compare",
    "diagrams",
    "findings",
    "graph_properties",
    "likeness_findings",
    "likeness_map",
    "measure_bias",
    "overrates",
    "pair_figure",
    "print_report",
    "read_report",
    "render",
    "space_properties",
    "to_text",
    "write_report",
    "wrong_pair",
]
