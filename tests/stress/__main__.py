"""`python -m tests.stress --out FOLDER`: all attacks; their counts as JSON, gone on with if ended.

`--quick`: a little of each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

from ghn.files import write_atomic
from tests.stress.forks import ROOT, warm_up
from tests.stress.kills import Count

PARTS = ("kills", "calls", "full", "ranks", "fuzz", "service", "keys")
QUICK = ("training", "references")  # jobs that --quick strikes
KILLS = 300  # of these, of a service and of two ranks:
SERVICE_KILLS, RANK_KILLS = 20, 10
FUZZ, REQUESTS = 3600, 600  # seconds
MOST_WRONG = 20  # after which a job is killed no more


def main() -> None:
    """Runs the parts that were asked for, each unless its counts are there already."""
    parser = argparse.ArgumentParser(prog="python -m tests.stress")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder; a part whose counts are there is not run again"
    )
    parser.add_argument("--only", nargs="+", choices=PARTS)
    parser.add_argument("--share", type=float, default=1.0, help="of kills, calls, seconds and requests")
    parser.add_argument("--jobs", nargs="+", help="that kills, calls and full strike; without it, all")
    parser.add_argument("--quick", action="store_true", help="one of each alone, on a few jobs")
    asked = parser.parse_args()
    folder: Path = asked.out.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    warm_up()
    wrong = 0
    for part in ["quick"] if asked.quick else asked.only or PARTS:
        path = folder / f"{part}.json"
        if not path.exists():
            write_atomic(path, json.dumps(run(part, folder / part, asked.share, asked.jobs), indent=1))
        found = json.loads(path.read_bytes())
        wrong += len(found["wrong"])
        print(f"{part}: {found['told']}; {len(found['wrong'])} wrong")
        for what in found["wrong"][:MOST_WRONG]:
            print(f"  {what}")
    sys.exit(f"{wrong} wrong, see {folder}" if wrong else 0)


def run(part: str, folder: Path, share: float, chosen: Sequence[str] | None) -> dict[str, Any]:
    """The counts of a part: what is told of it, and all that was wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    if part in ("kills", "calls", "full"):
        return jobs(part, folder, share, chosen)
    return {"quick": quick, "ranks": ranks, "fuzz": fuzzed, "service": service, "keys": keys}[part](folder, share)


def jobs(part: str, folder: Path, share: float, chosen: Sequence[str] | None) -> dict[str, Any]:
    """Every job, struck and gone on with.

    `kills`: at random moments, several times in a row. `calls`: before and after each call that renames, removes,
    empties or syncs a file. `full`: on a disk that is full at each of these calls.
    """
    from tests.stress.cases import cases, make_images
    from tests.stress.kills import Killed

    rng, counts = Random(0), []
    known = cases(make_images(folder / "images"))
    each = max(1, round(share * (KILLS - SERVICE_KILLS - RANK_KILLS) / len(known)))
    for one in (known[name] for name in chosen or known):
        killed = Killed(one, folder)
        counts.append(killed.count)
        match part:
            case "kills":
                while killed.count.kills < each and len(killed.count.wrong) < MOST_WRONG:
                    killed.at_random(rng, min(4, each - killed.count.kills))
            case "calls":
                killed.at_calls(share)
            case "full":
                killed.full(share)
        print(f"  {_line(killed.count)}", flush=True)
    return _told(counts)


def quick(folder: Path, share: float) -> dict[str, Any]:
    """A few jobs, each killed at random, at a call, and on a full disk; every reader, given damaged files."""
    from tests.stress.cases import cases, make_images
    from tests.stress.fuzz import unguided
    from tests.stress.kills import Killed

    counts, rng = [], Random(0)
    known = cases(make_images(folder / "images"))
    for name in QUICK:
        killed = Killed(known[name], folder)
        while killed.count.kills < 2 and not killed.count.wrong:  # a run may end before it is killed
            killed.at_random(rng, 2 - killed.count.kills)
        killed.at_calls(share=0.0)
        killed.full(share=0.0)
        counts.append(killed.count)
        print(f"  {_line(killed.count)}", flush=True)
    told, fuzzed = _told(counts), unguided(rng, each=15)
    return {**told, "told": f"{told['told']}, {fuzzed['told']}", "wrong": told["wrong"] + fuzzed["wrong"]}


def ranks(folder: Path, share: float) -> dict[str, Any]:
    """A training on two ranks that is killed at random moments."""
    from tests.stress.ranks import killed_ranks

    return _told([killed_ranks(folder, max(1, round(share * RANK_KILLS)), Random(0))])


def fuzzed(folder: Path, share: float) -> dict[str, Any]:
    """Every reader fuzzed, for an equal part of the time."""
    from tests.stress.fuzz import fuzz, names

    found = {name: fuzz(name, folder, seconds=max(2, round(share * FUZZ / len(names())))) for name in names()}
    wrong = [f"{name}: {said}" for name, (_, said) in found.items() if said]
    inputs = {name: count for name, (count, _) in found.items()}
    return {"told": f"{sum(inputs.values()):,} inputs of {len(inputs)} readers", "inputs": inputs, "wrong": wrong}


def service(folder: Path, share: float) -> dict[str, Any]:
    """A day's requests, and kills while results are told."""
    from tests.stress.service import DAY, a_day, killed

    count, how = a_day(folder / "day", max(20, round(share * DAY)), max(60, share * REQUESTS))
    return {**_told([count, killed(folder / "killed", max(1, round(share * SERVICE_KILLS)), Random(0))]), "day": how}


def keys(folder: Path, share: float) -> dict[str, Any]:
    """Every key of every job, with null, another type, zero, negative, huge."""
    test = ROOT / "tests" / "app" / "test_keys.py"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "0", test], cwd=ROOT, capture_output=True, text=True
    )
    last = done.stdout.strip().splitlines()[-1] if done.stdout.strip() else done.stderr
    return {"told": last, "wrong": [] if done.returncode == 0 else [done.stdout[-3000:]]}


def _line(count: Count) -> str:
    return f"{count.name}: {count.kills} kills, {count.runs} runs, {len(count.wrong)} wrong"


def _told(counts: list[Count]) -> dict[str, Any]:
    kills, runs = sum(one.kills for one in counts), sum(one.runs for one in counts)
    each = {one.name: {"kills": one.kills, "runs": one.runs} for one in counts}
    return {
        "told": f"{kills} kills, {runs} runs",
        "counts": each,
        "wrong": [what for one in counts for what in one.wrong],
    }


if __name__ == "__main__":
    main()
