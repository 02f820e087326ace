"""The commands and the Python of README and docs are really run, and their links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import ghn.spaces
from ghn.graph import OPS
from ghn.scoring.load import SHIPPED

ROOT = Path(__file__).resolve().parents[1]
RUN = (
    "README.md",
    "docs/adapters.md",
    "docs/add-an-op.md",
    "docs/add-a-space.md",
    "docs/bias.md",
    "docs/checkpoints.md",
    "docs/combinations.md",
    "docs/coming-from.md",
    "docs/formats.md",
    "docs/learning-curves.md",
    "docs/low-fidelity.md",
    "docs/morphisms.md",
    "docs/nasbench101.md",
    "docs/notebook.md",
    "docs/one-shot.md",
    "docs/own-data.md",
    "docs/own-table.md",
    "docs/ranking.md",
    "docs/safety.md",
    "docs/scoring.md",
    "docs/search.md",
    "docs/spaces.md",
    "docs/stability.md",
    "docs/surrogates.md",
    "docs/tutorial.md",
    "docs/vit.md",
    "docs/zero-cost.md",
)
PAGES = sorted(p.relative_to(ROOT).as_posix() for p in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")))
SMALL = {  # what is added to a documented command so that it runs in seconds
    "train": ["trainer.steps=2", "trainer.architectures=2", "trainer.images=8", "check=0", "population=0"],
    "rank": ["n=20", "sample.val=64", "bootstrap=50", "estimator=ghn", "skeletons=[]"],
}


def _blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def _need_shipped() -> None:
    if not (ROOT / SHIPPED).exists():
        pytest.skip(f"{SHIPPED} is not there yet")


@pytest.fixture
def registries():
    """Leaves the registries as they were."""
    kept = [(registry, dict(registry)) for registry in (OPS, ghn.spaces.SPACES)]
    yield
    for registry, before in kept:
        registry.clear()
        registry.update(before)


@pytest.mark.usefixtures("few_images")
@pytest.mark.parametrize("page", RUN)
def test_python_blocks_run(page, tmp_path, monkeypatch, registries):
    source = "\n".join(_blocks(page, "python"))
    assert source
    if "ghn.load()" in source:
        _need_shipped()
    monkeypatch.chdir(tmp_path)
    names: dict = {"__name__": "documented"}
    monkeypatch.setitem(sys.modules, "documented", type(sys)("documented"))  # dataclasses look their module up
    exec(compile(source, page, "exec"), names)
    if page == "docs/add-a-space.md":
        from conformance.space import check_space

        check_space(names["space"])
    if page == "README.md":
        assert names["best"].ok
        assert len(names["ranked"]) == 20 and all(one.ok for one, _ in names["ranked"])


@pytest.mark.slow
def test_commands_of_the_readme_run(tmp_path):
    """In the order of the README: what one writes the next may read."""
    _need_shipped()
    commands = [shlex.split(line) for block in _blocks("README.md", "bash") for line in block.splitlines()]
    assert {command[1] for command in commands} == set(SMALL)
    for program, command, *arguments in commands:
        assert program == "ghn"
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "ghn", command, *arguments, *SMALL[command]],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    assert (tmp_path / "outputs/mine/checkpoint.safetensors").exists()
    assert list(tmp_path.glob("outputs/rank-*/report.html"))


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    # in a block or between backticks: a sentence may have "make" at the start of a line, too
    blocks = [block for page in PAGES for block in _blocks(page, "[a-z]*")]
    named = {name for block in blocks for name in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE)}
    named |= {name for page in PAGES for name in re.findall(r"`make ([a-z-]+)", (ROOT / page).read_text())}
    assert {"demo", "test", "lint", "bench"} <= named <= targets


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    text = (ROOT / page).read_text()
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        path, _, anchor = "".join(target).partition("#")
        if path.startswith(("https:", "http:")):
            continue
        file = (ROOT / page).parent / path if path else ROOT / page
        assert file.exists(), f"{page} links to {path}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}, (
                f"{page} links to #{anchor}"
            )


def test_index_lists_every_page():
    index = (ROOT / "docs/index.md").read_text()
    assert not [p.name for p in (ROOT / "docs").glob("*.md") if p.name != "index.md" and f"({p.name})" not in index]
