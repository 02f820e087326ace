"""Pages of the survey, from docs/survey/survey.json.

python docs/tools/survey_page.py            docs/survey/index.md and docs/img/survey-cost.svg, which are committed
python docs/tools/survey_page.py FOLDER     every page and figure for the site, into a folder
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from ghn.drawing.style import to_bytes
from ghn.files import write_atomic
from ghn.report.document import Items, Table
from ghn.report.model import Survey, read_survey
from ghn.report.survey.answers import answers
from ghn.report.survey.cost_figure import cost_pictures
from ghn.report.survey.pages import survey_document
from ghn.report.survey.redraw import space_of
from ghn.report.survey.sections import survey_table
from ghn.report.write import block_text, escape, markdown

DOCS = Path(__file__).resolve().parents[1]
SHOWN = ("one-off time", "time a network", "Kendall", "best half", "best 20 %", "failed")
WHERE = """\
{estimators} estimators on {networks} networks, made {date} by

```
python {command}
```

This is the short page: what to use, the picture, one table. Every number is one of [survey.json](survey.json), from
which come also a page an estimator, biases, combinations and all figures:

```
make docs                                                                   # the whole site; survey: site/survey/
python -m ghn.report.survey.redraw docs/survey/survey.json outputs/survey   # its pages and figures alone: half a minute
```

How a survey is made, and how to read one: [survey-howto.md](../survey-howto.md). Hyperband, ASHA and the ladder are no
estimators but ways to spend a budget on some: [search.md](../search.md#results) has what each finds for it."""
PICTURE = """\
## Order against cost

![Kendall tau of each estimator, all {n} networks, against seconds a candidate, with the Pareto front, the ceiling and
the best baseline; the table below has the numbers](../img/survey-cost.svg)

Higher is better and further left is cheaper. {n} networks, {reference}; brackets are 95 % intervals."""


def short_page(survey: Survey) -> str:
    """The Markdown of the page, which links to the JSON beside it and to the picture."""
    part, report = survey.parts[-1], survey.report
    comparison = part.comparison
    table = survey_table(survey, part, {})
    kept = [0, *(i for i, head in enumerate(table.head) if head in SHOWN)]
    lines = tuple(
        line if line.kind == "group" else replace(line, cells=tuple(line.cells[i] for i in kept))
        for line in table.lines
    )
    where = WHERE.format(
        estimators=len(survey.costs),
        networks=report.metadata["networks"],
        date=report.created[:10],
        command=report.metadata["command"],
    )
    rows = Table(table.title, tuple(table.head[i] for i in kept), lines)
    return "\n\n".join(
        [
            "<!-- made by docs/tools/survey_page.py from survey.json -->",
            f"# {escape(report.title)}",
            where,
            block_text(Items(tuple(answers(survey)), "answers")),
            PICTURE.format(n=comparison.n, reference=escape(comparison.reference_name)),
            block_text(rows) + "\n",
        ]
    )


def picture(survey: Survey) -> bytes:
    """Order against seconds a network as SVG, against the reference that the answers stand on."""
    (shown,) = (one for one in cost_pictures(survey, survey.parts[-1]) if one.subject == "seconds kendall")
    return to_bytes(shown.figure, "svg")


def write_pages(survey: Survey, folder: Path) -> None:
    """Every page as Markdown and every figure as SVG; the site needs neither PNGs nor all of it in one page."""
    document = survey_document(survey, space_of(survey))
    for one in document.pictures():
        write_atomic(folder / "figures" / f"{one.name}.svg", to_bytes(one.figure, "svg"))
    for name, text in markdown(document, one_file=False).items():
        write_atomic(folder / name, text)


def main() -> None:
    """Writes over what was there."""
    survey = read_survey(DOCS / "survey")
    if len(sys.argv) > 1:
        write_pages(survey, Path(sys.argv[1]))
    else:
        write_atomic(DOCS / "survey" / "index.md", short_page(survey))
        write_atomic(DOCS / "img" / "survey-cost.svg", picture(survey))


if __name__ == "__main__":
    main()
