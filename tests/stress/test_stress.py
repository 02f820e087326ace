"""The short form of the attacks: jobs that are killed and gone on with, full disks, damaged files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_nothing_is_lost_and_nothing_but_clear_errors(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.stress", "--quick", "--out", tmp_path]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(": 4 kills, ") == 2 and "inputs; 0 wrong" in done.stdout
