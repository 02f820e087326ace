"""The service as a client meets it: what it answers, what it refuses, what it joins, and what it never forgets."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from lightning_fabric import Fabric
from room import no_room
from safetensors.torch import load
from served import ARCH, LIMITS, NONE, OTHER, client, make_served

from ghn.adapters.service import Access, Limits, Served, Service, make_app, read_token
from ghn.adapters.service import joining as joining_module
from ghn.adapters.service import served as served_module
from ghn.adapters.service.limits import BoundedBodies
from ghn.errors import ConfigError, DataError, ExistsError
from ghn.graph.ir import GraphBuilder

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, fabric: Fabric) -> Served:
    return make_served(tmp_path_factory.mktemp("served"), fabric)


@pytest.fixture(scope="module")
def ask(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with client(served, tmp_path_factory.mktemp("out")) as found:
        yield found


def post(ask: TestClient, path: str, status: int = 200, **body: Any) -> Any:
    answer = ask.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def problem(ask: TestClient, path: str, status: int, **body: Any) -> str:
    """What is wrong, with everything that is said of it."""
    found = post(ask, path, status, **body)
    assert set(found) == {"what", "got", "expected", "fix"} and found["what"]
    return json.dumps(found)


def graph(served: Served) -> dict[str, Any]:
    return served.space.network(served.space.parse(ARCH)).graph.to_json()


# --- what is answered ---


def test_scores_are_those_of_the_model_and_one_that_fails_fails_alone(ask: TestClient, served: Served) -> None:
    found = post(ask, "/score", architectures=[ARCH, NONE, OTHER])["scores"]
    wanted = served.model.score([ARCH, OTHER], task=served.task)
    assert [one["value"] for one in found] == [
        pytest.approx(wanted[0].value),
        None,
        pytest.approx(wanted[1].value),
    ]
    assert found[0]["readings"]["loss"] == pytest.approx(-found[0]["value"])
    assert "fft" in found[1]["error"] and found[0]["error"] is None
    other = post(ask, "/score", architectures=[ARCH], readout="accuracy", skeletons="fastest")["scores"]
    assert other[0]["value"] == pytest.approx(
        served.model.score([ARCH], "accuracy", task=served.task, skeletons="fastest")[0].value
    )


def test_ranks_are_those_of_the_model_with_references_and_without(ask: TestClient, served: Served) -> None:
    rng = Random(2)
    references = {served.space.format(served.space.sample(rng)): i / 10 for i in range(5)}
    before = post(ask, "/rank", architectures=[ARCH])["scores"][0]
    found = post(ask, "/rank", architectures=[ARCH], references=references)["scores"][0]
    wanted = served.model.rank([ARCH], references, task=served.task)[0]
    assert (found["value"], found["std"]) == (pytest.approx(wanted.value), pytest.approx(wanted.std))
    assert post(ask, "/rank", architectures=[ARCH])["scores"][0] == before != found  # nothing is left of them
    assert "at least 5" in problem(ask, "/rank", 422, architectures=[ARCH], references={ARCH: 1.0})
    (last, _) = references.popitem()
    assert "fft" in problem(ask, "/rank", 422, architectures=[ARCH], references={**references, NONE: 1.0}), last


def test_vectors_and_weights_are_those_of_the_model(ask: TestClient, served: Served) -> None:
    found = post(ask, "/embed", architectures=[ARCH, NONE])["embeddings"]
    np.testing.assert_allclose(found[0]["vector"], served.model.embed(ARCH).tolist(), rtol=1e-4, atol=1e-5)
    assert found[1]["vector"] is None and "fft" in found[1]["error"]
    answer = ask.post("/weights", json={"architecture": ARCH})
    assert answer.headers["content-type"] == "application/octet-stream"
    found, wanted = load(answer.content), served.model.weights(ARCH)
    assert set(found) == set(wanted) and all(found[name].equal(wanted[name]) for name in wanted)
    assert "fft" in problem(ask, "/weights", 422, architecture=NONE)


def test_an_architecture_is_described(ask: TestClient, served: Served) -> None:
    found = post(ask, "/describe", architecture=ARCH)
    assert found["choices"] == list(served.space.to_choices(served.space.parse(ARCH)))
    assert post(ask, "/describe", choices=found["choices"])["architecture"] == ARCH
    assert found["params"] > 0 and found["drawings"][0]["labels"] and len(found["drawings"][0]["paths"]) > 1
    near = {one["architecture"]: one["change"] for one in found["neighbours"]}
    assert len(near) == LIMITS.networks and ARCH not in near
    assert all("\N{RIGHTWARDS ARROW}" in change for change in near.values())
    drawn = post(ask, "/describe")["architecture"]
    assert served.space.format(served.space.parse(drawn)) == drawn
    assert "or by its choices" in problem(ask, "/describe", 422, architecture=ARCH, choices=[0])
    assert "an option for each" in problem(ask, "/describe", 422, choices=[0])


def test_what_is_served_is_told(ask: TestClient, served: Served) -> None:
    found = ask.get("/spaces").json()
    (space,) = found["spaces"]
    assert space["name"] == served.space.name and space["ranks"] and space["checkpoint"] == "toy"
    assert [one["name"] for one in space["decisions"]] == [one.name for one in served.space.choices()]
    assert set(space["population"]) == set(served.ranker.population.quantiles)  # type: ignore[union-attr]
    assert found["limits"]["networks"] == LIMITS.networks
    assert ask.get("/healthz").json()["status"] == "ok"
    for path, kind in {"/": "text/html", "/page.css": "text/css", "/page.js": "text/javascript"}.items():
        answer = ask.get(path)
        assert answer.headers["content-type"].startswith(kind) and len(answer.text) > 100
        assert "http://" not in answer.text.replace("http://www.w3.org", "") and "https://" not in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_examples_of_the_description_work(ask: TestClient) -> None:
    paths = ask.get("/openapi.json").json()["paths"]
    for path, entry in paths.items():
        if "post" in entry and path != "/suggest":
            body = entry["post"]["requestBody"]["content"]["application/json"]["examples"]["one"]["value"]
            assert ask.post(path, json=body).status_code == 200, path
            assert {"401", "413", "422", "503", "504"} <= set(entry["post"]["responses"])


# --- graphs ---


def test_a_graph_is_as_good_as_its_string(ask: TestClient, served: Served) -> None:
    for path in ("/score", "/embed"):
        found = next(v for k, v in post(ask, path, architectures=[ARCH, graph(served)]).items() if k != "space")
        assert found[1]["error"] is None
    np.testing.assert_allclose(found[0]["vector"], found[1]["vector"], rtol=1e-4, atol=1e-5)
    assert post(ask, "/rank", architectures=[graph(served)])["scores"][0]["error"] is None
    assert ask.post("/weights", json={"architecture": graph(served)}).status_code == 200


def small(served: Served, before: int = 0, conv: dict[str, int] | None = None, **changes: Any) -> dict[str, Any]:
    """Some activations, a sum, a convolution and a head; something is changed in the convolution's node."""
    b = GraphBuilder(served.task.input_shape)
    x = b.input
    for i in range(before):
        x = b.add("relu", x, name=f"relu{i}")
    x = b.add("sum", *[x] * int((conv or {}).pop("terms", 1)), name="sum")
    x = b.add("conv", x, name="conv", **{"out": 4, "kernel": 3, "padding": 1, **(conv or {})})
    x = b.add("linear", b.add("global_pool", x, name="pool"), name="head", out=4)
    found = b.build(x).to_json()
    node = found["nodes"][before + 2]
    node["attrs"] |= changes.pop("attrs", {})
    node |= changes
    return found


HOSTILE = [
    ({"inputs": [2]}, "earlier nodes"),
    ({"inputs": [4]}, "earlier nodes"),
    ({"inputs": [-1]}, "earlier nodes"),
    ({"op": "aten.new_full.default"}, "not an operation that is served"),
    ({"op": "os.system"}, "not an operation that is served"),
    ({"op": "constant", "inputs": []}, "not an operation that is served"),
    ({"attrs": {"out": -4}}, "at least 1"),
    ({"attrs": {"kernel": "3"}}, "whole number"),
    ({"conv": {"out": 10**9}}, "too large: params"),
    ({"conv": {"kernel": 1, "padding": 10**6}}, "too large: macs"),
    ({"conv": {"padding": 10**6, "dilation": 10**6}}, "too large: values"),
    ({"conv": {"terms": 3000}}, "too large: values"),
    ({"shape": [4, 8, 9]}, "shape does not follow"),
]


@pytest.mark.parametrize(("changes", "said"), HOSTILE, ids=lambda value: value if isinstance(value, str) else "")
def test_a_hostile_graph_fails_alone_before_anything_is_made(
    ask: TestClient, served: Served, changes: dict[str, Any], said: str
) -> None:
    bad, good = post(ask, "/score", architectures=[small(served, **changes), small(served)])["scores"]
    assert bad["value"] is None and said in bad["error"]
    assert good["error"] is None


def test_large_graphs_are_read_in_parts(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    given = [graph(served), small(served), graph(served)]
    whole, nodes = served.embed(given), len(graph(served)["nodes"])
    calls: list[int] = []
    real = served.model.net.embed  # type: ignore[operator]
    monkeypatch.setattr(served_module, "PAIRS", nodes**2 + 100)
    monkeypatch.setattr(served.model.net, "embed", lambda graphs: [calls.append(len(graphs)), real(graphs)][1])
    np.testing.assert_allclose(served.embed(given), whole, rtol=1e-4, atol=1e-5)
    assert calls == [2, 1]


def test_a_graph_of_too_many_nodes_or_other_inputs_is_refused(ask: TestClient, served: Served) -> None:
    other = small(served)
    other["nodes"][0]["shape"] = [3, 4096, 4096]
    for given, said in (
        (small(served, 500), "too large: nodes"),
        (small(served, 300), "too large: depth"),
        (other, "reads other inputs"),
    ):
        (score,) = post(ask, "/score", architectures=[given])["scores"]
        assert said in score["error"]


# --- what is refused ---

WRONG: list[tuple[str, dict[str, Any], int, str]] = [
    ("/score", {"architectures": ARCH}, 422, "valid list"),
    ("/score", {"architectures": []}, 422, "at least 1"),
    ("/score", {"architectures": [7]}, 422, "string"),
    ("/score", {"architectures": [ARCH], "readout": "guess"}, 422, "accuracy"),
    ("/score", {"architectures": [ARCH], "reedout": "loss"}, 422, "reedout"),
    ("/score", {"architectures": [ARCH], "space": "moon"}, 404, "nasbench201"),
    ("/score", {"architectures": [ARCH] * 7}, 413, "at most 6"),
    ("/rank", {"architectures": [ARCH], "references": {str(i): 1 for i in range(6)}}, 413, "at most 6"),
    ("/rank", {"architectures": [ARCH], "references": {ARCH: "good"}}, 422, "number"),
    ("/suggest", {"n": 0}, 422, "greater than or equal to 1"),
    ("/suggest", {"n": 60}, 413, "at most 6"),
    ("/suggest", {"by": "luck"}, 422, "thompson"),
    ("/observe", {"architecture": ARCH}, 422, "value"),
    ("/observe", {"architecture": NONE, "value": 1.0}, 422, "fft"),
    ("/observe", {"architecture": ARCH, "value": "high"}, 422, "number"),
    ("/observe", {"architecture": "|" * 201, "value": 1}, 422, "at most 200"),
    ("/describe", {"architecture": NONE}, 422, "fft"),
]


@pytest.mark.parametrize(("path", "body", "status", "said"), WRONG)
def test_what_is_wrong_is_told(ask: TestClient, path: str, body: dict[str, Any], status: int, said: str) -> None:
    assert said in problem(ask, path, status, **body)


RAW = [
    (b"{", 422),
    (b"[" * 90_000, 400),
    (b'{"architecture": "' + ARCH.encode() + b'", "value": NaN}', 422),
    (b'{"architecture": "\\ud800", "value": 1}', 422),
    (b'{"architecture": "a", "value": 1' + b"0" * 5000 + b"}", 400),
    (b"\xff\xfe", 400),
]


@pytest.mark.parametrize(("body", "status"), RAW, ids=range(len(RAW)))
def test_what_is_no_json_is_refused(ask: TestClient, body: bytes, status: int) -> None:
    answer = ask.post("/observe", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["what"]
    assert ask.service.find(None) and ask.get("/spaces").json()["spaces"][0]["observed"] == observed(ask)  # type: ignore[attr-defined]


def observed(ask: TestClient) -> int:
    return next(iter(ask.service.memories.values())).observed  # type: ignore[attr-defined]


def test_a_form_of_another_page_is_not_read(ask: TestClient) -> None:
    """A browser sends text of any page without asking; only JSON, of which it asks first, is taken."""
    body = json.dumps({"architecture": ARCH, "value": 0.1})
    before = observed(ask)
    answer = ask.post("/observe", content=body, headers={"content-type": "text/plain"})
    assert answer.status_code == 422 and observed(ask) == before


def test_a_body_is_counted_before_it_is_read(ask: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(1000):
            yield b" " * 1000

    assert ask.post("/score", content=endless()).status_code == 413
    answer = ask.post("/score", content=b" " * 100_001)
    assert answer.status_code == 413 and "100000" in answer.json()["expected"]
    assert answer.headers["connection"] == "close"
    assert "Method Not Allowed" in ask.put("/score").json()["what"] and ask.put("/score").headers["allow"] == "POST"
    assert ask.get("/nothing").status_code == 404


def test_a_body_that_does_not_come_is_not_waited_for() -> None:
    async def silent() -> Any:
        await asyncio.sleep(10)

    async def note(message: Any) -> None:
        sent.append(message)

    sent: list[Any] = []
    scope = {"type": "http", "headers": [], "path": "/score", "method": "POST"}
    asyncio.run(BoundedBodies(make_app, Limits(seconds=0.05))(scope, silent, note))  # type: ignore[arg-type]
    assert sent[0]["status"] == 408 and b"did not come whole" in sent[1]["body"]


def test_without_its_token_nothing_is_told(served: Served, tmp_path: Path) -> None:
    with client(served, tmp_path, Access(TOKEN, ("testserver",))) as ask:
        for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            answer = ask.post("/score", json={"architectures": [ARCH]}, headers=header)
            assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer"
        assert ask.get("/spaces").status_code == 401
        assert ask.get("/healthz").status_code == ask.get("/").status_code == 200
        assert ask.get("/spaces", headers={"Authorization": f"bearer {TOKEN}"}).status_code == 200
        elsewhere = ask.get("/spaces", headers={"Authorization": f"Bearer {TOKEN}", "Host": "evil.example:80"})
        assert elsewhere.status_code == 403 and "testserver" in elsewhere.json()["expected"]
        assert TOKEN not in repr(ask.app.openapi()) and "HTTPBearer" in repr(ask.app.openapi())  # type: ignore[attr-defined]


def test_a_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    monkeypatch.delenv("GHN_SERVE_TOKEN", raising=False)
    assert read_token(None) is None and read_token(str(file)) == TOKEN
    monkeypatch.setenv("GHN_SERVE_TOKEN", TOKEN[::-1])
    assert read_token(None) == TOKEN[::-1]
    monkeypatch.setenv("GHN_SERVE_TOKEN", "short")
    with pytest.raises(ConfigError, match="at least 16"):
        read_token(None)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_token(str(tmp_path / "missing"))


# --- many at once ---


class Held:
    """Keeps the worker busy until it is let go, and counts the calls that come after."""

    def __init__(self, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun, self.go, self.calls = threading.Event(), threading.Event(), list[list[Any]]()
        real = served.score

        def score(archs: Any, readout: str, skeletons: Any) -> Any:
            self.calls.append(list(archs))
            if len(self.calls) == 1:
                self.begun.set()
                assert self.go.wait(30)
            return real(archs, readout, skeletons)

        monkeypatch.setattr(served, "score", score)

    def ask(self, ask: TestClient, bodies: list[dict[str, Any]]) -> list[Any]:
        """Sends the first, then, while it is worked on, all others; lets go when these wait."""
        found: dict[int, Any] = {}

        def send(i: int) -> None:
            found[i] = ask.post("/score", json=bodies[i])

        threads = [threading.Thread(target=send, args=(i,)) for i in range(len(bodies))]
        threads[0].start()
        assert self.begun.wait(30)
        for thread in threads[1:]:
            thread.start()
        waiting = ask.service.joiner  # type: ignore[attr-defined]
        for _ in range(1000):
            if waiting.waiting + len(found) >= len(bodies):
                break
            threading.Event().wait(0.01)
        self.go.set()
        for thread in threads:
            thread.join()
        return [found[i] for i in range(len(bodies))]


def test_what_waits_is_joined_and_each_gets_its_own(
    served: Served, ask: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = [post(ask, "/score", architectures=[a])["scores"][0]["value"] for a in (ARCH, OTHER)]
    held = Held(served, monkeypatch)
    body = [{"architectures": [ARCH]}, {"architectures": [OTHER, NONE]}, {"architectures": [ARCH]}]
    body.append({"architectures": [ARCH], "skeletons": "fastest"})  # another kind of question
    answers = [answer.json()["scores"] for answer in held.ask(ask, body)]
    assert sorted(map(len, held.calls)) == [1, 1, 3] and [ARCH, OTHER, NONE, ARCH].count(ARCH) == 2
    assert [one[0]["value"] for one in answers[:3]] == [alone[0], alone[1], alone[0]]
    assert answers[1][1]["error"] and len(answers[1]) == 2


def test_a_question_that_raises_fails_alone(served: Served, ask: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    real = served.embed

    def embed(archs: Any) -> Any:
        if NONE in archs:
            raise RuntimeError("not a word of this leaves the server")
        return real(archs)

    held = Held(served, monkeypatch)
    monkeypatch.setattr(served, "embed", embed)
    found: dict[str, Any] = {}

    def send(arch: str) -> None:
        found[arch] = ask.post("/embed", json={"architectures": [arch]})

    threads = [threading.Thread(target=send, args=(arch,)) for arch in (ARCH, NONE, OTHER)]
    first = threading.Thread(target=ask.post, args=("/score",), kwargs={"json": {"architectures": [ARCH]}})
    first.start()
    assert held.begun.wait(30)
    for thread in threads:
        thread.start()
    while ask.service.joiner.waiting < 4:  # type: ignore[attr-defined]
        threading.Event().wait(0.01)
    held.go.set()
    for thread in (first, *threads):
        thread.join()
    assert [found[arch].status_code for arch in (ARCH, NONE, OTHER)] == [200, 500, 200]
    assert "not a word" not in found[NONE].text and "RuntimeError" in found[NONE].text


def test_too_many_and_too_slow_are_told_to_come_again(
    tmp_path: Path, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = make_served(tmp_path, fabric, Limits(seconds=0.3, waiting=2))
    held = Held(served, monkeypatch)
    with client(served, tmp_path / "out") as ask:
        answers = held.ask(ask, [{"architectures": [ARCH]}] * 4)
        codes = sorted(answer.status_code for answer in answers)
        assert codes[-2:] in ([503, 503], [503, 504], [504, 504]) and 503 in codes
        busy = next(answer for answer in answers if answer.status_code == 503)
        assert busy.headers["retry-after"] == joining_module.RETRY["Retry-After"]


# --- what is never forgotten ---


def test_a_full_disk_is_said_and_nothing_is_lost(
    served: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with client(served, tmp_path) as ask:
        post(ask, "/observe", architecture=ARCH, value=0.5)
        with no_room(next(tmp_path.glob("observed-*.jsonl")).stat().st_size + 9):
            told = problem(ask, "/observe", 500, architecture=ARCH, value=0.6)
            assert "cannot be written" in told and "too large" in told and observed(ask) == 1
        post(ask, "/observe", architecture=ARCH, value=0.7)  # there is room again
        service = ask.service  # type: ignore[attr-defined]
        with pytest.raises(ExistsError, match="another run writes into this file"):
            Service([served], tmp_path, served.limits, pool=4)
        next(iter(service.memories.values()))._state.mkdir()
    assert "no state of a surrogate" in capsys.readouterr().err  # at the end; what was observed is in its lines
    (tmp_path / f"surrogate-{served.name}.json").rmdir()
    with client(served, tmp_path) as ask:
        assert observed(ask) == 2


def test_what_was_observed_is_there_after_a_restart(served: Served, tmp_path: Path) -> None:
    with client(served, tmp_path) as ask:
        for arch, value in ((ARCH, 0.5), (OTHER, 0.7), (ARCH, 0.9), (ARCH, None)):
            found = post(ask, "/observe", architecture=arch, value=value)
        assert (found["observed"], found["failed"]) == (3, 1)
        assert found["best"] in ({"architecture": OTHER, "value": 0.7}, {"architecture": ARCH, "value": 0.7})
        (first,) = post(ask, "/suggest")["architectures"]
        lines = next(tmp_path.glob("observed-*.jsonl")).read_text()
        assert lines.count('"observe"') == 4 and first in lines  # before the answer, not at the end
    with client(served, tmp_path) as ask:
        memory = next(iter(ask.service.memories.values()))  # type: ignore[attr-defined]
        assert memory.observed == 3 and memory.failed == 1
        assert memory.surrogate.observed == {ARCH: pytest.approx(0.7), OTHER: 0.7}
        more = post(ask, "/suggest", n=3)["architectures"]
        assert len({first, ARCH, OTHER, *more}) == 6
    with pytest.raises(DataError, match="direction"):
        Service([served], tmp_path, LIMITS, direction="minimize")


def test_a_line_that_a_kill_tore_costs_that_line(served: Served, tmp_path: Path) -> None:
    with client(served, tmp_path) as ask:
        post(ask, "/observe", architecture=ARCH, value=0.5)
    file = next(tmp_path.glob("observed-*.jsonl"))
    file.write_bytes(file.read_bytes() + b'{"observe": "|nor')
    with client(served, tmp_path) as ask:
        assert post(ask, "/observe", architecture=OTHER, value=0.1)["observed"] == 2
    file.write_text(file.read_text() + '{"observe": 3, "value": 1}\n')
    with pytest.raises(DataError, match="observed value"):
        Service([served], tmp_path, LIMITS)


def test_a_suggestion_that_came_too_late_is_handed_out_next(
    tmp_path: Path, fabric: Fabric, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = make_served(tmp_path, fabric, Limits(seconds=1.0))
    with client(served, tmp_path / "out") as ask:
        memory = next(iter(ask.service.memories.values()))  # type: ignore[attr-defined]
        go, late = threading.Event(), served.space.parse(OTHER)
        monkeypatch.setattr(memory.surrogate, "suggest", lambda n, by: [late] if go.wait(30) else [])
        assert "too long" in problem(ask, "/suggest", 504)
        go.set()
        monkeypatch.setattr(memory.surrogate, "suggest", lambda n, by: [served.space.parse(ARCH)] * n)
        for _ in range(200):
            if memory._unclaimed:
                break
            threading.Event().wait(0.01)
        assert post(ask, "/suggest", n=2)["architectures"] == [OTHER, ARCH]


def test_two_checkpoints_of_one_space_are_read_together_instead(served: Served, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="read together"):
        Service([served, served], tmp_path, LIMITS)


def test_readings_in_memory_are_bounded(tmp_path: Path, fabric: Fabric) -> None:
    served = make_served(tmp_path, fabric, Limits(kept=1))
    served.score([ARCH, OTHER], "loss", "fastest")
    (kept,) = [kept for _, kept in served._estimators.values()]
    assert len(kept.known) == 1
    assert served.model.net.featurizer.cache_size == 268  # type: ignore[operator, union-attr]
    served.rank([ARCH, OTHER], {})
    assert all(len(one.known) <= 1 for one in served.ranker.members.values())  # type: ignore[union-attr]
