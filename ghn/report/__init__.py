"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.report.bias.cell_picture import pair_figure
from ghn.report.bias.diagrams import Diagram, diagrams
from ghn.report.bias.figures import bias_map, bias_pictures, likeness_map
from ghn.report.bias.measure import measure_bias
from ghn.report.bias.model import Bias, BiasRow, BiasSettings, Effect, Judged, Likeness, WrongPair
from ghn.report.bias.properties import PROPERTIES, graph_properties, space_properties
from ghn.report.bias.words import findings, likeness_findings, overrates, wrong_pair
from ghn.report.combinations.figures import combination_pictures
from ghn.report.combinations.inputs import ScoreMatrix
from ghn.report.combinations.model import Combination, Combinations
from ghn.report.combinations.search import search_combinations
from ghn.report.combinations.words import combination_sentences, combination_table
from ghn.report.compare import compare
from ghn.report.inputs import LIVE_PARAMETERS, RANDOM_ORDER
from ghn.report.model import Ceiling, Comparison, Failure, Levels, Report, Row, Settings, Versus
from ghn.report.page import render
from ghn.report.stability.figures import stability_pictures
from ghn.report.stability.measure import measure_stability, stability_of_table
from ghn.report.stability.model import Stability
from ghn.report.stability.words import stability_sentences
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
    "Combination",
    "Combinations",
    "Comparison",
    "Diagram",
    "Effect",
    "Failure",
    "Judged",
    "Levels",
    "Likeness",
    "Report",
    "Row",
    "ScoreMatrix",
    "Settings",
    "Stability",
    "Versus",
    "WrongPair",
    "bias_map",
    "bias_pictures",
    "combination_pictures",
    "combination_sentences",
    "combination_table",
    "compare",
    "diagrams",
    "findings",
    "graph_properties",
    "likeness_findings",
    "likeness_map",
    "measure_bias",
    "measure_stability",
    "overrates",
    "pair_figure",
    "print_report",
    "read_report",
    "render",
    "search_combinations",
    "space_properties",
    "stability_of_table",
    "stability_pictures",
    "stability_sentences",
    "to_text",
    "write_report",
    "wrong_pair",
]
