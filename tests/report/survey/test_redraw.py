"""A survey's pages from its JSON alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from survey_case import SPACE, survey

from ghn.errors import ConfigError, DataError, ExistsError
from ghn.report.model import Survey, read_survey
from ghn.report.survey.pages import survey_document, write_survey
from ghn.report.survey.redraw import main, redraw_survey
from ghn.report.write import markdown

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8ffff3f0005fe02fe0def46b80000000049454e44ae426082"
)


@pytest.fixture(scope="module", autouse=True)
def nothing_is_drawn() -> Iterator[None]:
    """Pictures are looked at in test_survey_write.py; here each would cost half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ghn.report.write.to_bytes", lambda *_: DOT)
        yield


@pytest.fixture
def found() -> Survey:
    whole = survey()
    report = replace(whole.report, metadata={**whole.report.metadata, "space": "nasbench201"})
    return replace(whole, report=report, parts=whole.parts[:1], costs=whole.costs[:2], combinations=None)


@pytest.fixture
def folder(found: Survey, tmp_path: Path) -> Path:
    """With the JSON, as a job leaves it, and nothing else."""
    folder = tmp_path / "found"
    folder.mkdir()
    (folder / "survey.json").write_text(json.dumps(found.to_json()))
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_what_the_survey_wrote_and_its_json(found: Survey, folder: Path, tmp_path: Path) -> None:
    write_survey(found, SPACE, tmp_path / "first")
    assert redraw_survey(folder, tmp_path / "again") == tmp_path / "again" / "survey.html"
    assert files(tmp_path / "again") == files(tmp_path / "first") | {
        "survey.json": (folder / "survey.json").read_bytes()
    }


def test_the_command_draws_beside_the_json_and_a_second_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (folder / "survey.json").read_bytes()
    for _ in range(2):
        assert main([str(folder / "survey.json"), str(folder)]) == 0
    assert (folder / "index.md").exists() and (folder / "survey.json").read_bytes() == before
    assert "survey.html" in capsys.readouterr().out


def test_pages_of_others_stay(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "index.md").write_text("# Mine")
    with pytest.raises(ExistsError, match="no survey wrote"):
        redraw_survey(folder, tmp_path)


def test_a_space_of_ones_own_is_given(found: Survey, tmp_path: Path) -> None:
    report = replace(found.report, metadata={"space": "mine"})
    (tmp_path / "survey.json").write_text(json.dumps(replace(found, report=report).to_json()))
    with pytest.raises(ConfigError, match=r"none of ghn's\n  got:      mine"):
        redraw_survey(tmp_path, tmp_path / "pages")
    assert redraw_survey(tmp_path, tmp_path / "pages", SPACE).exists()


@pytest.mark.parametrize(
    ("content", "said"), [(None, "no readable survey"), ("{", "no readable survey"), ("{}", "schema 'ghn.survey/1'")]
)
def test_what_is_no_survey_is_said(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "survey.json").write_text(content)
    with pytest.raises(DataError):
        read_survey(tmp_path)
    assert main([str(tmp_path), str(tmp_path / "pages")]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "pages").exists()


def test_pages_without_the_one_file_do_not_link_to_it(found: Survey) -> None:
    document = survey_document(found, SPACE)
    assert "(survey.html)" in markdown(document)["index.md"]
    without = markdown(document, one_file=False)["index.md"]
    assert "survey.html" not in without and "beside this page." in without
