"""Writes the rankings of reports into a card: python checkpoints/add_ranking.py CHECKPOINT REPORT.json ..."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ghn
from ghn.report.model import read_report

KEYS = ("kendall", "kendall_best_half", "kendall_best_fifth", "kendall_within_groups", "spearman", "regret@10")


def ranking(path: Path) -> dict[str, Any]:
    """For each reference of a report and each of its rows the main statistics with their intervals."""
    return {
        comparison.reference_name: {
            "networks": comparison.n,
            "rows": {row.name: {key: asdict(row.get(key)) for key in KEYS} for row in comparison.rows},
        }
        for comparison in read_report(path).comparisons
    }


def main(checkpoint: Path, reports: list[Path]) -> None:
    """Replaces the card's rankings; the tensors, and so the digest, stay."""
    model = ghn.load(checkpoint, device="cpu")
    found: dict[str, Any] = {}
    for path in reports:
        for name, entry in ranking(path).items():  # reports against one reference on the same networks share an entry
            known = found.setdefault(name, entry)
            if known["networks"] != entry["networks"]:
                sys.exit(
                    f"error: {path} has {entry['networks']} networks in {name!r}, another report {known['networks']}"
                )
            known["rows"] |= entry["rows"]
    model.card["ranking"] = found
    model.save(checkpoint)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(path) for path in sys.argv[2:]])
