"""`ghn`: what each command is for, what it prints for people and for programs, and how a shell completes it."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Sized
from pathlib import Path
from typing import Any

import pytest
import toy
from ghn_command import ROOT, Typed, type_with
from lightning_fabric import Fabric
from toy_models import save_toy

import ghn
from ghn.app.cli import resume_command
from ghn.app.commands import COMMANDS, overview, usage
from ghn.app.flags import flags_last
from ghn.app.jobs import JOBS
from ghn.app.overrides import check_overrides
from ghn.app.program import command_of, started
from ghn.app.program import typed as typed_command
from ghn.assets import asset, here_or_shipped
from ghn.spaces import ABOUT, CHECKPOINTS, SPACES, make_space
from ghn.train.checkpoint import load_tensors, read_header
from ghn.types import Finite


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Typed:
    monkeypatch.chdir(tmp_path)
    return type_with(monkeypatch, capsys)


def test_every_job_is_a_command() -> None:
    assert {*JOBS, "train"} == {name for name, command in COMMANDS.items() if command.config}
    assert {command.chosen for command in COMMANDS.values() if command.chosen} == {(f"job={name}",) for name in JOBS}


EXAMPLES = [(name, example) for name, command in COMMANDS.items() for example, _ in command.examples]


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=[f"{name} {example}" for name, example in EXAMPLES])
def test_every_example_is_a_command_line_that_fits(name: str, example: str) -> None:
    command = COMMANDS[name]
    given = [one for one in shlex.split(example) if one != "--json"]
    assert f"  {command.line(example)}" in usage(command).splitlines()
    if command.config is None:
        return
    overrides = command.overrides(given)
    check_overrides(command.config, [*command.chosen, *overrides])
    files = [one.partition("=")[2] for one in overrides if one.startswith("archs=") and not one[6:].isdigit()]
    assert all(here_or_shipped(file).is_file() for file in files)


def test_help_is_there_without_torch_or_hydra() -> None:
    code = "import sys; sys.argv = ['ghn']; from ghn.app.entry import main; main(); print('\\n--', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    printed, _, modules = done.stdout.rpartition("\n-- ")
    assert printed.strip() == overview() and not {"torch", "hydra", "numpy"} & set(modules.split())
    assert all(f"  {command.usage_line()} " in printed for command in COMMANDS.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_has_examples_and_keys(typed: Typed, name: str) -> None:
    done = typed(f"ghn {name} --help")
    assert done.code == 0 and done.out.startswith(usage(COMMANDS[name])) and not done.err
    assert ("out=outputs/" in done.out) == (COMMANDS[name].config is not None)
    assert "evaluate.py" not in done.out.partition("keys, each")[0]


def test_info_says_what_a_checkpoint_is(typed: Typed, fabric: Fabric, tmp_path: Path) -> None:
    done = typed("ghn info nasbench201")
    card = ghn.load(device="cpu").card
    assert f"{card['step']:,} steps" in done.out and f"{card['population']['agreement']:.3f}" in done.out
    assert f"graph/params+graph/macs {card['population']['votes']['graph/params+graph/macs']:.2f}" in done.out
    assert "space         nasbench201" in done.out and 'ghn.load("nasbench201")' in done.out
    assert "tau with random weights" in done.out and "started from" not in done.out
    assert "checkpoint=nasbench201 estimator=combined" in done.out and "model.rank(architectures)" in done.out
    assert "a hypernetwork of deepnets, trained in 69 minutes" in typed("ghn info space=macro").out
    held = {
        "task_checksum": "",
        "quantiles": {"zero_cost/meco": [0.0, 1.0]},
        "votes": {"graph/params+graph/macs": 1.0, "zero_cost/meco+zero_cost/swap": 1.0},
        "agreement": 0.5,
    }
    save_toy(tmp_path / "before.safetensors", toy.SPACE, toy.make_task(), fabric, population=held, seconds=42.0)
    told = typed(f"ghn info {tmp_path}/before.safetensors").out
    assert "0.500, Kendall's tau with random weights as they were read before" in told and "votes" not in told
    assert "in 42 seconds" in told and "combined" not in told and "model.score(architectures, task=task)" in told
    bank = typed(f"ghn info {asset('checkpoints/trainings/enas_s1/checkpoint.safetensors')}")
    assert "weights that networks share (enas)" in bank.out and "estimator=enas" in bank.out


def test_info_as_json(typed: Typed) -> None:
    path = asset(CHECKPOINTS["macro"])
    found = json.loads(typed("ghn info macro --json").out)
    tensors, header = load_tensors(path, "hypernetwork")
    assert (found["schema"], found["command"], found["path"]) == ("ghn.result/1", "info", str(path))
    assert found["parameters"] == sum(value.numel() for value in tensors.values())
    assert (found["digest"], found["bytes"]) == (header["digest"], path.stat().st_size)
    assert found["space"] == header["card"]["space"] and found["step"] == header["card"]["step"]


def test_a_header_is_read_without_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    path = asset(CHECKPOINTS["darts"])
    tensors, header = load_tensors(path, "hypernetwork")
    monkeypatch.setattr("ghn.train.checkpoint.load", None)
    assert read_header(path, "hypernetwork") == (header, {name: tuple(value.shape) for name, value in tensors.items()})


def test_spaces_are_listed_with_what_is_shipped(typed: Typed) -> None:
    done, found = typed("ghn spaces"), json.loads(typed("ghn spaces --json").out)["spaces"]
    assert [one["name"] for one in found] == [*SPACES, "function"]
    assert {one["name"] for one in found if one["checkpoint"]} == set(CHECKPOINTS)
    assert [one["name"] for one in found if one["references"]] == ["darts", "macro", "nasbench101", "nasbench201"]
    assert all(one["name"] in done.out and one["networks"] in done.out for one in found[:-1])
    assert max(map(len, done.out.splitlines())) <= 120


@pytest.mark.parametrize("name", SPACES)
def test_numbers_of_networks_are_those_of_the_space(name: str) -> None:
    _, networks = ABOUT[name]
    space: Any = make_space(name, input_shape=(3, 16, 16), classes=10)
    if isinstance(space, Sized):
        assert networks.startswith(f"{len(space):,} members")
    if isinstance(space, Finite):
        distinct = len(space.distinct())
        assert f"{distinct:,} distinct" in networks or (distinct == len(space) and "all distinct" in networks)


def test_scores_of_a_file_best_first_and_as_json(typed: Typed, tmp_path: Path) -> None:
    chains = ["12010221", "00000000", "22222222"]
    (tmp_path / "my chains.txt").write_text("\n".join(chains))
    line = "ghn score 'my chains.txt' space=macro estimator=params device=cpu"
    done = typed(f"{line} out=one")
    rows = [row.split() for row in done.out.splitlines()]
    assert rows[0] == ["value", "architecture"] and [row[2] for row in rows[1:4]] == [chains[2], chains[0], chains[1]]
    assert "wrote one/scores.csv: 3 architectures" in done.out
    done = typed(f"{line} out=two --json")
    found = json.loads(done.out)  # and nothing else
    assert "wrote two/scores.csv" in done.err
    assert (found["command"], found["out"], found["file"]) == ("score", "two", "two/scores.csv")
    assert [one["architecture"] for one in found["result"]] == chains
    values = [one["value"] for one in found["result"]]
    assert values[2] > values[0] > values[1] and found["result"][0]["error"] is None


def test_a_search_as_json(typed: Typed, tmp_path: Path) -> None:
    done = typed("ghn search random search.estimator=params search.limit.trials=3 device=cpu out=found --json")
    found = json.loads(done.out)
    assert found["result"] == json.loads((tmp_path / "found" / "search.json").read_text())
    assert found["result"]["searcher"] == "random" and len(found["result"]["candidates"]) == 3
    assert "The best of 3 networks" in done.err


def test_a_ranking_as_json_knows_the_command(typed: Typed, tmp_path: Path) -> None:
    done = typed("ghn rank estimator=params n=12 bootstrap=0 device=cpu progress=false out=ranked --json")
    found = json.loads(done.out)["result"]
    assert found["schema"] == "ghn.report/1" and found["metadata"]["command"].startswith("ghn rank estimator=params")
    failed = typed("ghn rank estimator=params n=12 out=ranked --json")
    assert (failed.code, failed.out) == (1, "")


def test_a_config_is_shown_wherever_the_flag_stands(typed: Typed) -> None:
    assert flags_last(["n=3", "--cfg", "job", "out=x", "-m"]) == ["n=3", "out=x", "--cfg", "job", "-m"]
    done = typed("ghn rank n=3 --cfg job out=x")
    assert done.code == 0 and "'n': 3" in done.out and "out: x" in done.out


def test_commands_are_named_as_they_were_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/some/bin/ghn", "rank", "n=3", "readout=[loss, ridge]"])
    assert typed_command() == "ghn rank n=3 'readout=[loss, ridge]'" and command_of("train", "") == "ghn train"
    assert resume_command(["ghn"], ["rank", "out=a"], "b") == "ghn rank out=b resume=true"
    monkeypatch.setattr(sys, "argv", ["/some/lib/ghn/__main__.py", "train"])
    assert typed_command() == "python -m ghn train"
    passing = ["out=/home/me/1", "resume=true", "progress=false"]  # a card's command makes the same elsewhere
    monkeypatch.setattr(sys, "argv", ["somewhere/train_ghn.py", *passing, "space=macro"])
    assert typed_command() == "python train_ghn.py space=macro" and command_of("evaluate", "rank").endswith("job=rank")
    places = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
    for key, value in {**places, "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}.items():
        monkeypatch.setenv(key, value)
    assert started(["ghn", "train"]) == ["torchrun", "--nproc-per-node=2", "-m", "ghn", "train"]


COMPLETED = [
    ("ghn ra", ["rank", "rank_all"]),
    ("ghn search ev", ["evolution"]),
    ("ghn search evolution search.options.po", ["search.options.population="]),
    ("ghn train weights=e", ["weights=enas"]),
    ("ghn rank --json space=macro_", ["space=macro_full"]),
    ("ghn rank estimator=syn", ["estimator=synflow"]),
    ("ghn rank --js", ["--json"]),
    ("ghn score li", ["list.txt"]),
    ("ghn score list.txt chu", ["chunk="]),
    ("ghn info nasbench2", ["nasbench201"]),
    ("ghn train chu", []),
    ("ghn nothing chu", []),
]


@pytest.mark.parametrize(("line", "shown"), COMPLETED)
def test_a_shell_is_told_what_can_come_next(
    typed: Typed,
    line: str,
    shown: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    (tmp_path / "list.txt").touch()
    monkeypatch.setenv("COMP_LINE", line)
    assert typed("ghn -sc query=bash").out.split() == shown


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_bash_completes_commands_and_keys(tmp_path: Path) -> None:
    (tmp_path / "ghn").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{SCRIPT}" "$@"\n')
    (tmp_path / "ghn").chmod(0o755)
    script = """
    eval "$(ghn --shell-completion install=bash)"
    complete -p ghn >/dev/null || exit 1
    COMP_LINE="$1"; COMP_POINT=${#1}; COMP_WORDS=($1); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    hydra_bash_completion
    echo "${COMPREPLY[@]}"
    """
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin", "PYTHONPATH": str(ROOT)}
    command = ["bash", "-c", script, "bash", "ghn rank space=nasbench2"]
    done = subprocess.run(command, cwd=tmp_path, env=path, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["space=nasbench201", "space=nasbench201_full"], done.stderr


SCRIPT = "import sys; sys.argv[0] = 'ghn'; from ghn.app.entry import main; main()"
