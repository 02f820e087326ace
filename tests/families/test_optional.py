"""Families are optional: each is loaded when asked for, and what is heavy in it when it is used."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import ghn.families.curves.estimator, ghn.families.morphism.estimator, ghn.families.sharing.train
import ghn.families.surrogates.surrogate, ghn.families.training.low_fidelity
print(sorted({"sklearn", "gpytorch", "emcee"} & sys.modules.keys()))
"""


def test_importing_the_families_loads_no_library_of_one_model() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
