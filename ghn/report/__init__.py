"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.analysis.bias import Bias, BiasRow, BiasSettings, Effect, Judged, Likeness, WrongPair, measure_bias
from ghn.analysis.choose_sets import search_combinations
from ghn.analysis.compare import LIVE_PARAMETERS, RANDOM_ORDER, compare
from ghn.analysis.comparison import Ceiling, Comparison, Failure, Levels, Report, Row, Settings, Versus
from ghn.analysis.sets import Combination, Combinations, ScoreMatrix
from ghn.analysis.stability import Stability, measure_stability, stability_of_table
from ghn.graph.properties import PROPERTIES, graph_properties
from ghn.report.bias import bias_map, bias_pictures, findings, likeness_findings, likeness_map, overrates, wrong_pair
from ghn.report.html import render
from ghn.report.networks import Diagram, diagrams, pair_figure
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.terminal import print_report, to_text
from ghn.report.write import read_report, write_report
from ghn.spaces.live import space_properties

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
