"""Beyond this machine a page asks for a password, and shows nothing without it."""

from __future__ import annotations

import base64

import pytest

from agent_knowledge.errors import InputError
from agent_knowledge.page.app import PageSettings, listen
from tests.page.conftest import RETURNS, Opened

PASSWORD = "correct horse"


def basic(password: str, user: str = "any") -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org"])
def test_beyond_loopback_a_password_is_needed(host: str) -> None:
    with pytest.raises(InputError, match="AGENT_KNOWLEDGE_PASSWORD"):
        PageSettings(host=host).check()
    with pytest.raises(InputError, match="8 characters"):
        PageSettings(host=host, password="short").check()
    PageSettings(host=host, password=PASSWORD).check()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "::1", "localhost"])
def test_on_this_machine_none_is(host: str) -> None:
    PageSettings(host=host).check()
    with pytest.raises(InputError, match=r"shop\.example"):
        PageSettings(host=host, allowed_hosts=("shop.example",)).check()


@pytest.mark.parametrize("path", ["/", "/sources", "/ladder", "/icon.svg", "/nothing"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("wrong"),
        basic(PASSWORD + "x"),
        basic(PASSWORD.upper()),
        basic(""),
        {"authorization": f"Bearer {PASSWORD}"},
        {"authorization": "Basic ///"},
        {"authorization": "Basic " + base64.b64encode(b"\xff:\xff").decode()},
    ],
)
def test_a_wrong_password_sees_nothing(opened: Opened, path: str, headers: dict[str, str]) -> None:
    page = opened(password=PASSWORD)
    came = page.get(path, headers=headers)
    assert (came.status_code, came.headers["www-authenticate"][:5]) == (401, "Basic")
    assert "support" not in came.text
    assert page.post("/ask", data={"task": RETURNS}, headers=headers).status_code == 401


def test_letters_that_base64_has_none_of_are_a_wrong_password(opened: Opened) -> None:
    came = opened(password=PASSWORD).get("/", headers=[(b"authorization", b"Basic \xe9\xe9")])
    assert came.status_code == 401


@pytest.mark.parametrize("password", [PASSWORD, "пароль: да"])
def test_the_right_one_sees_all(opened: Opened, password: str) -> None:
    page = opened(host="0.0.0.0", password=password)
    assert page.get("/", headers=basic(password)).status_code == 200
    elsewhere = {**basic(password), "host": "shop.example"}
    assert page.get("/", headers=elsewhere).status_code == 200


def test_behind_a_proxy_only_its_own_names_are_taken(opened: Opened) -> None:
    page = opened(password=PASSWORD, allowed_hosts=("Shop.example",))
    for host, status in (("shop.example", 200), ("localhost", 200), ("evil.example", 421)):
        assert page.get("/", headers={**basic(PASSWORD), "host": host}).status_code == status


def test_no_object_shows_the_password() -> None:
    assert PASSWORD not in repr(PageSettings(password=PASSWORD))


def test_a_port_that_is_taken_is_told() -> None:
    with listen(PageSettings(port=0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port}.*another --port"):
            listen(PageSettings(port=port))
