"""The check on a GPU, on a CPU: what fails or takes too long costs its own section alone, and all of it is told."""

import json
import time

import pytest

from tests.benchmarks import gpu_sections
from tests.benchmarks.gpu_check import Context, check, run_section
from tests.benchmarks.gpu_sections import SECTIONS, gpu_tests
from tests.benchmarks.measure import Figure


def context(seconds=60.0):
    return Context("cpu", True, time.monotonic() + seconds)


def good(_):
    yield Figure.of("two", "things", [2.0], target=3.0)


def bad(_):
    yield Figure.of("one", "things", [1.0], target=2.0, at_least=True)
    raise ValueError("no such kernel")


def endless(_):
    yield Figure.of("begun", "", [1.0])
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


def test_a_section_that_fails_or_hangs_costs_no_other(tmp_path):
    some = {"first": (bad, 9.0), "second": (endless, 0.1), "third": (good, 9.0)}
    results = check(context(), some, tmp_path)
    assert [result.state for result in results] == ["failed", "stopped", "done"]
    assert [len(result.figures) for result in results] == [1, 1, 1]
    read = json.loads((tmp_path / "gpu-check.json").read_text())["sections"]
    assert "ValueError: no such kernel" in read[0]["error"] and "Traceback" in read[0]["error"]
    assert read[2]["figures"][0]["met"] is True
    page = (tmp_path / "gpu-check.html").read_text()
    assert "1 failed, 1 stopped, 1 done" in page and "Missed: one." in page and "no such kernel" in page


def test_all_ends_at_the_deadline_and_what_is_known_is_kept(tmp_path):
    started = time.monotonic()
    some = {"first": (good, 9.0), "second": (endless, 99.0), "third": (good, 9.0)}
    results = check(context(0.5), some, tmp_path)
    assert [result.state for result in results] == ["done", "stopped", "left out"]
    assert time.monotonic() - started < 30


def test_ctrl_c_ends_it_after_writing_what_is_known(tmp_path):
    def interrupted(_):
        raise KeyboardInterrupt
        yield

    with pytest.raises(KeyboardInterrupt):
        check(context(), {"first": (good, 9.0), "second": (interrupted, 9.0)}, tmp_path)
    assert [s["state"] for s in json.loads((tmp_path / "gpu-check.json").read_text())["sections"]] == [
        "done",
        "left out",
    ]
    assert (tmp_path / "gpu-check.html").exists()


@pytest.mark.parametrize("name", ["agreement", "scoring", "waiting"])
def test_sections_run(name, monkeypatch):
    monkeypatch.setattr(gpu_sections, "SIDES", {32: (1, 1)})
    monkeypatch.setattr(gpu_sections, "precisions", lambda c: ("float32",))
    result = run_section(name, SECTIONS[name][0], context(), 60)
    assert result.state == "done", result.error
    assert bool(result.figures) == (name != "waiting")  # which is of a GPU alone
    assert all(figure.met is not False for figure in result.figures)


def test_the_tests_that_need_a_gpu_are_found():
    names = {path.name for path in gpu_tests()}
    assert {"test_nets_cuda.py", "test_train_cuda.py", "test_engine.py"} <= names
