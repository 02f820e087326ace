"""Draws the samples of distinct NAS-Bench-201 networks: once, before any experiment was made on them.

    python data/references/make_samples.py           # draws again and compares with the committed files
    python data/references/make_samples.py --write   # writes what is missing; never replaces a file

Needs `pip install 'ghn[nasbench]'`. Writes beside itself:

    report.json          1,000 networks, uniform over the 4,930 distinct ones; for published figures only
    development.json     500 others, to look at as often as one likes; they contain the
    embedded_archs.json  96 networks that are trained as references: 80 random, 16 from the top 200 of the
                         published table, and which 16 of the 96 are trained with three seeds
    twins.json           of those of them that several cells compute: the accuracies of two such cells, drawn at
                         random, which were trained independently
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from random import Random
from typing import Any

from ghn.errors import ExistsError
from ghn.spaces import NASBench201
from ghn.spaces.nasbench201.benchmark import SCHEMA, TWINS
from ghn.spaces.nasbench201.published import read_analog_nasbench
from ghn.tables.lookup import distinct_references
from ghn.tables.references import ReferenceTable

HERE = Path(__file__).resolve().parent
SEED = 201
REPORT, DEVELOPMENT, RANDOM, TOP, THREE_SEEDS = 1000, 500, 80, 16, 16
TOP_OF = 200  # the best so many functions by published accuracy


def draw(accuracy: dict[str, float]) -> dict[str, list[str]]:
    """Draws all groups, disjoint but for `three_seeds`, each in the order of the strings.

    The report sample goes first, so that it is uniform whatever the others take.
    """
    rng = Random(SEED)
    left = sorted(accuracy)

    def take(pool: list[str], n: int) -> list[str]:
        chosen = sorted(rng.sample(pool, n))
        left[:] = sorted(set(left) - set(chosen))
        return chosen

    report = take(left, REPORT)
    random = take(left, RANDOM)
    best = set(sorted(accuracy, key=lambda arch: (-accuracy[arch], arch))[:TOP_OF])
    top = take([arch for arch in left if arch in best], TOP)
    three_seeds = take(sorted(random + top), THREE_SEEDS)
    others = take(left, DEVELOPMENT - RANDOM - TOP)
    return {"report": report, "random": random, "top": top, "three_seeds": three_seeds, "others": others}


def contents() -> dict[str, str]:
    """File name -> text."""
    table = read_analog_nasbench()
    accuracy = distinct_references(NASBench201((3, 32, 32), 10), table)
    groups = draw(accuracy)
    development = {
        "embedded-random": groups["random"],
        "embedded-top": groups["top"],
        "random": groups["others"],
    }

    def sample(name: str, parts: dict[str, list[str]]) -> str:
        rows = [[arch, round(accuracy[arch], 8), group] for group, archs in parts.items() for arch in archs]
        head: dict[str, Any] = {"schema": SCHEMA, "name": name, "source": table.header.source}
        head["accuracy"] = "CIFAR-10 test accuracy, a fraction, mean over all cells that compute the function"
        return with_rows(head, rows)

    embedded = {name: groups[name] for name in ("random", "top", "three_seeds")}
    chosen = [arch for name in ("report", "random", "top", "others") for arch in groups[name]]
    return {
        "twins.json": twins(table, chosen),
        "report.json": sample("report", {"random": groups["report"]}),
        "development.json": sample("development", development),
        "embedded_archs.json": json.dumps(embedded, indent=1) + "\n",
    }


def twins(table: ReferenceTable, archs: list[str]) -> str:
    """Accuracies of two cells of each function that has so many."""
    space = NASBench201((3, 32, 32), 10)
    trained: dict[Any, list[float]] = {}
    for run in sorted(table.runs, key=lambda run: run.arch):
        trained.setdefault(space.canonical(space.parse(run.arch)), []).append(float(run.test_accuracy or 0.0))
    cells = {arch: trained[space.canonical(space.parse(arch))] for arch in archs}
    rng = Random(SEED)
    rows = [[arch, *rng.sample(values, 2)] for arch, values in cells.items() if len(values) > 1]
    head = {"schema": TWINS, "source": table.header.source}
    head["accuracy"] = "CIFAR-10 test accuracies, fractions, of two cells that compute the function"
    return with_rows(head, rows)


def with_rows(head: dict[str, Any], rows: list[list[Any]]) -> str:
    """JSON of an object with its rows a line each."""
    body = ",\n  ".join(json.dumps(row) for row in rows)
    return json.dumps(head, indent=1)[:-2] + f',\n "rows": [\n  {body}\n ]\n}}\n'


def main() -> int:
    """Compares, or writes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the files that are missing")
    write = parser.parse_args().write
    different = []
    for name, text in contents().items():
        file = HERE / name
        same = file.exists() and json.loads(file.read_text()) == json.loads(text)
        if write and not same:
            if file.exists():
                raise ExistsError(
                    f"{file} exists and differs; samples are drawn once", fix="remove it by hand if you must"
                )
            file.write_text(text)
            same = True
        print(f"{name}: {'as drawn' if same else 'missing or different'}")
        different += [] if same else [name]
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
