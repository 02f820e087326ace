"""job=serve from the command line: what is served, what is refused before anything is, and how it stops."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ghn.adapters import service as services
from ghn.app import serve
from ghn.app.jobs import run_job
from ghn.app.overrides import composed
from ghn.app.read_keys import read_keys
from ghn.errors import CheckpointError, ConfigError, ExistsError, OtherSpaceError
from ghn.scoring.load import SHIPPED

ROOT = Path(__file__).resolve().parents[2]


def options(out: Path, *more: str) -> dict[str, Any]:
    return composed("evaluate", ["job=serve", f"out={out}", "progress=false", *more])


def test_defaults_are_the_limits_of_the_service(tmp_path: Path) -> None:
    keys = read_keys(serve.ServeKeys, options(tmp_path))
    assert services.Limits(**dict(keys.limits)) == services.Limits()
    assert keys.host == "127.0.0.1" and keys.token_file is None


def test_what_is_named_is_served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run: dict[str, Any] = {}
    monkeypatch.setattr(serve, "run_server", lambda service, **how: run.update(how, service=service))
    monkeypatch.setenv("GHN_SERVE_TOKEN", "a-token-that-nobody-guesses")
    run_job(options(tmp_path / "out", "port=81", "limits.networks=3", "pool=5"))
    (served,) = run["service"].served.values()
    assert served.label == "GHN shipped" and served.limits.networks == 3
    assert run["port"] == 81 and run["token"] == "a-token-that-nobody-guesses"
    bank = "checkpoints/trainings/oneshot_s1/checkpoint.safetensors"
    run_job(options(tmp_path / "banks", f"checkpoint=[{bank},macro]"))
    first, other = run["service"].served.values()
    assert (first.label, first.ranker) == ("oneshot_s1/checkpoint.safetensors", None)
    assert other.name == "macro" and other.ranker is not None and list(run["service"].memories) == ["macro"]
    with pytest.raises(CheckpointError, match="another space"):
        run_job(options(tmp_path / "wrong", "checkpoint=macro"))
    with pytest.raises(ExistsError, match="resume"):
        run_job(options(tmp_path / "out"))
    with pytest.raises(OtherSpaceError):
        run_job(options(tmp_path / "other", "space.width=4"))
    with pytest.raises(ConfigError, match=r"token_file|cannot be read"):
        run_job(options(tmp_path / "other", f"token_file={tmp_path / 'none'}"))


def test_an_open_door_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    nothing: Any = SimpleNamespace(served={}, limits=services.Limits())
    monkeypatch.setattr(services.server, "make_app", lambda service, access: access)
    monkeypatch.setattr(services.server.uvicorn.Server, "run", lambda self, sockets: sockets[0].close())
    for host, token, loud in (("127.0.0.1", None, False), ("0.0.0.0", None, True), ("0.0.0.0", "secret", False)):
        services.run_server(nothing, host=host, port=0, token=token, log=False)
        assert ("WARNING" in capsys.readouterr().err) == loud
    with pytest.raises(ConfigError, match="cannot be listened on"):
        services.run_server(nothing, host="192.0.2.1", port=0, token=None, log=False)


@pytest.mark.slow
def test_what_was_asked_is_answered_before_it_stops(tmp_path: Path) -> None:
    """A real process, told to stop in the middle of an answer."""
    assert (ROOT / SHIPPED).exists()
    command = [sys.executable, "-W", "ignore", ROOT / "evaluate.py", "job=serve", "port=0", f"out={tmp_path / 'out'}"]
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert server.stdout is not None
    try:
        address = next(line for line in server.stdout if line.startswith("serving")).split()[-1]

        def ask(path: str, body: Any) -> Any:
            headers = {"content-type": "application/json"}
            request = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
            return json.loads(urllib.request.urlopen(request, timeout=60).read())

        arch = ask("describe", {})["architecture"]
        assert ask("observe", {"architecture": arch, "value": 0.5})["observed"] == 1
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(ask("rank", {"architectures": [arch] * 3})))
        thread.start()
        while json.loads(urllib.request.urlopen(address + "healthz").read())["waiting"] == 0 and not found:
            pass
        server.send_signal(signal.SIGTERM)
        thread.join(60)
        assert found[0]["scores"][0]["error"] is None
        assert server.wait(60) in (0, -signal.SIGTERM)
    finally:
        server.kill()
    assert '"value": 0.5' in next((tmp_path / "out").glob("observed-*.jsonl")).read_text()
    assert next((tmp_path / "out").glob("surrogate-*.json")).stat().st_size > 0
