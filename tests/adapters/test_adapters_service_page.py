"""The page as a person meets it: clicked and typed into in a real browser, narrow and wide, without a mouse too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from chromium import BROWSER, Chromium
from lightning_fabric import Fabric
from served import ARCH, NONE, make_served

from ghn.adapters.service import Access, Limits, Served, Service, make_app

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
TOKEN = "a-token-that-nobody-guesses"
DONE = "document.getElementById('progress').textContent.startsWith('Of ')"
TEXT = "document.getElementById('text').value"


@contextmanager
def running(served: Served, folder: Path, access: Access | None = None) -> Iterator[str]:
    """The address of a server in a thread."""
    app = make_app(Service([served], folder, served.limits), access)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, fabric: Fabric) -> Served:
    return make_served(tmp_path_factory.mktemp("served"), fabric, Limits(networks=4))


def test_a_network_is_drawn_pasted_and_left_for_a_neighbour(served: Served, tmp_path: Path) -> None:
    """At 400 pixels with the mouse, and at 1,400 with the keyboard alone."""
    with running(served, tmp_path) as address, Chromium(tmp_path / "profile", width=400) as page:
        page.go(address)
        page.wait(DONE)
        assert page.js(TEXT) == served.example
        assert page.js("document.documentElement.scrollWidth") <= 400  # nothing is cut off
        assert page.js("document.querySelectorAll('#drawings svg').length") == 1
        page.click("document.querySelector('summary')")
        assert len(page.js("document.getElementById('links').innerText").splitlines()) >= 2

        page.click("document.getElementById('text')")
        page.js("document.getElementById('text').select()")
        page.type(ARCH)
        page.click("document.querySelector('#paste button')")
        page.wait(f"{DONE} && document.activeElement.id == 'result'")
        choices = page.js("[...document.querySelectorAll('#decisions select')].map(one => Number(one.value))")
        assert tuple(choices) == served.space.to_choices(served.space.parse(ARCH))
        assert "better than about" in page.js("document.getElementById('score').textContent")

        wanted = page.js("document.querySelector('.near button').dataset.architecture")
        page.click("document.querySelector('.near button')")
        page.wait(f"{DONE} && {TEXT} == {wanted!r}")

        page.js("document.getElementById('text').select()")
        page.type(f"{NONE}<img src=x onerror=alert(1)>")
        page.click("document.querySelector('#paste button')")
        page.wait("!document.getElementById('problem').hidden")
        assert "<img" in page.js("document.getElementById('problem').textContent")  # as text
        assert page.js("document.querySelectorAll('img').length") == 0

        page.resize(1400, 900)
        page.js("document.getElementById('decision-0').focus()")
        before = page.js("document.getElementById('decision-0').value")
        page.press("ArrowDown" if before == "0" else "ArrowUp")
        page.wait(f"{DONE} && document.getElementById('problem').hidden")
        assert page.js("document.activeElement.id") == "decision-0"  # where one was
        assert page.js("document.getElementById('decision-0').value") != before
        for _ in range(20):  # on by the keyboard to the button that draws one
            if page.js("document.activeElement.id") == "random":
                break
            page.press("Tab")
        page.press("Enter")
        page.wait(DONE)
        assert page.js("document.activeElement.id") == "random"
        assert all(url.startswith((address, "data:")) for url in page.requests)  # no other server
        assert [error for error in page.errors if "422" not in error] == []


def test_a_token_is_asked_for(served: Served, tmp_path: Path) -> None:
    with (
        running(served, tmp_path, Access(TOKEN)) as address,
        Chromium(tmp_path / "profile", width=400, dark=True) as page,
    ):
        page.go(address)
        page.wait("!document.getElementById('token-form').hidden && document.activeElement.id == 'token'")
        page.type(TOKEN)
        page.press("Enter")
        page.wait(DONE)
        assert page.js("document.getElementById('token-form').hidden")
        dark = page.js("getComputedStyle(document.body).backgroundColor")
        assert max(map(int, dark[4:-1].split(","))) < 60
