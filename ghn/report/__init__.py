"""Who orders networks well, at what cost, and how sure that is: table, figures, JSON and one HTML page."""

from ghn.report.bias import bias_map, bias_pictures, findings, likeness_findings, likeness_map, overrates, wrong_pair
from ghn.report.comparison import print_report, report_document, to_text, write_report
from ghn.report.model import Report, read_report
from ghn.report.networks import pair_figure
from ghn.report.sentences import headline, row_sentences, summary, verdict
from ghn.report.sets import combination_pictures, combination_sentences, combination_table
from ghn.report.stability import stability_pictures, stability_sentences
from ghn.report.terminal import print_blocks
from ghn.spaces.members import diagrams

__all__ = [
    "Report",
    "bias_map",
    "bias_pictures",
    "combination_pictures",
    "combination_sentences",
    "combination_table",
    "diagrams",
    "findings",
    "headline",
    "likeness_findings",
    "likeness_map",
    "overrates",
    "pair_figure",
    "print_blocks",
    "print_report",
    "read_report",
    "report_document",
    "row_sentences",
    "stability_pictures",
    "stability_sentences",
    "summary",
    "to_text",
    "verdict",
    "write_report",
    "wrong_pair",
]
