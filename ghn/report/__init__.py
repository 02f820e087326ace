"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.report.bias import bias_map, bias_pictures, findings, likeness_findings, likeness_map, overrates, wrong_pair
from ghn.report.html import render
from ghn.report.networks import diagrams, pair_figure
from ghn.report.report import Report, read_report
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.terminal import print_report, to_text
from ghn.report.write import write_report

__all__ = [
    "Report",
    "bias_map",
    "bias_pictures",
    "combination_pictures",
    "combination_sentences",
    "combination_table",
    "diagrams",
    "findings",
    "likeness_findings",
    "likeness_map",
    "overrates",
    "pair_figure",
    "print_report",
    "read_report",
    "render",
    "stability_pictures",
    "stability_sentences",
    "to_text",
    "write_report",
    "wrong_pair",
]
