"""The wheel: what is in it, how large it is, and that it works alone, with no package of an extra."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel
from packaging.requirements import Requirement

from ghn.assets import asset
from ghn.errors import MissingExtraError
from ghn.extras import check_extra, need
from ghn.spaces import CHECKPOINTS

ROOT = Path(__file__).parent.parent
MOST = 28e6  # bytes
DEVELOPING = ("test", "stress", "lint", "dist", "docs", "dev")  # extras; the others are for users
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
ALONE = f"""
import sys
sys.modules.update(dict.fromkeys({{absent}}))  # as if they were not installed
import ghn
from ghn.errors import MissingExtraError
assert "site-packages" not in ghn.__file__ and {{root!r}} not in ghn.__file__, ghn.__file__
(score,) = ghn.load().score([{CELL!r}], skeletons="fastest")
assert score.ok, score.error
try:
    ghn.make_task("image_folder", root=".")
except MissingExtraError as error:
    print(error.fix)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return folder / build_wheel(str(folder))


def test_the_wheel_is_small_and_whole(wheel: Path) -> None:
    assert wheel.stat().st_size < MOST
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {f"ghn/_assets/{path}" for path in CHECKPOINTS.values()}
    assert shipped and names >= {"ghn/py.typed", "ghn/_assets/data/cifar10_16px.npz", *shipped}
    here = [path for path in (ROOT / "ghn").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert names >= {path.relative_to(ROOT).as_posix() for path in here}, "templates, configs and code"
    assert not [name for name in names if "trainings" in name or name.startswith(("tests", "studies"))]


def test_it_works_with_the_core_alone(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = ALONE.format(absent=sorted(_of_extras()), root=str(ROOT))
    command = [sys.executable, "-c", code]
    ran = subprocess.run(
        command, cwd=tmp_path, env={"PYTHONPATH": "", "HOME": str(tmp_path)}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == 'pip install "ghn[vision]"'


def test_a_package_that_is_there_but_broken_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "broken_one.py").write_text("import nothing_of_this_name")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingExtraError, match="cannot be imported") as caught:
        need("broken_one", "vision", "a picture")
    assert "nothing_of_this_name" in f"{caught.value.got}"
    with pytest.raises(MissingExtraError, match="needs absent_one, which is not installed"):
        check_extra("vision", "json", "absent_one.inner")


def test_trainings_are_found_in_their_own_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    name = "checkpoints/trainings/oneshot_s9/checkpoint.safetensors"
    path = tmp_path / "ghn_trainings" / name
    path.parent.mkdir(parents=True)
    path.touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert asset(name) == path


def _of_extras() -> set[str]:
    """The names by which packages are imported that extras for users name, and the core does not."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {Requirement(line).name for line in project["dependencies"]}
    extras = [lines for name, lines in project["optional-dependencies"].items() if name not in DEVELOPING]
    named = {Requirement(line).name for lines in extras for line in lines}
    return {name.replace("-", "_") for name in named - core - {"ghn"}}
