"""An endpoint answers as it should."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from tests.criteria.conftest import problem, read

TOKEN = "t0ken-nobody-may-see"


class _Service(BaseHTTPRequestHandler):
    """A service with a login, a health page, and a slow one."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            time.sleep(0.5)
        if self.path == "/private" and self.headers.get("authorization") != f"Bearer {TOKEN}":
            return self._answer(401, {})
        if self.path == "/broken":
            return self._answer(503, {"secret": "row value"})
        return self._answer(200, {"database": {"status": "ok", "tables": [{"name": "a"}]}, "up": True})

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
        return self._answer(200, {"data": {"token": TOKEN}}) if sent.get("password") == "pw" else self._answer(403, {})

    def _answer(self, status: int, content: object) -> None:
        raw = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def service() -> Iterator[str]:
    """The address of a running service."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def ask(service: str, path: str, **keys: object) -> Finding:
    found: Finding = read("http", url=service + path, **keys).check()
    return found


def test_an_endpoint_that_answers_holds(service: str) -> None:
    found = ask(service, "/health", json={"database.status": "ok", "database.tables.0.name": "a", "up": True})

    assert found.holds
    assert "answers with 200 in" in found.message


def test_another_status_fails_without_showing_the_body(service: str) -> None:
    found = ask(service, "/broken")

    assert not found.holds
    assert found.message.endswith("/broken answers with 503, expected is 200")
    assert "row value" not in str(found)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"database.status": "down"}, "database.status is another value, expected is 'down'"),
        ({"database.colour": 1}, "database.colour is not there, expected is 1"),
        ({"up": 1}, "up is another value, expected is 1"),
    ],
)
def test_another_json_fails_and_names_the_path(service: str, values: dict[str, object], message: str) -> None:
    found = ask(service, "/health", json=values)

    assert not found.holds
    assert found.message.endswith(f"has another JSON: {message}")


def test_a_slow_answer_fails(service: str) -> None:
    assert "does not answer within 100 ms" in ask(service, "/slow", within="100ms").message


def test_nobody_at_the_address_fails() -> None:
    found = ask("http://127.0.0.1:9", "/")

    assert not found.holds
    assert "cannot be asked: ConnectError" in found.message


def test_a_login_gives_the_token_of_the_request(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_PASSWORD", "pw")
    login = {"url": f"{service}/login", "body": {"password": "${SERVICE_PASSWORD}"}, "token": "data.token"}

    assert not ask(service, "/private").holds
    found = ask(service, "/private", login=login)

    assert found.holds
    assert TOKEN not in str(found)


def test_a_login_that_fails_decides_nothing(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_PASSWORD", "wrong")
    login = {"url": f"{service}/login", "body": {"password": "${SERVICE_PASSWORD}"}, "token": "data.token"}

    with pytest.raises(NotChecked, match="gave no token at data.token \\(status 403\\)"):
        ask(service, "/private", login=login)


def test_a_variable_that_is_not_set_decides_nothing() -> None:
    with pytest.raises(NotChecked, match="the variable NOBODY_SETS_THIS is not set"):
        read("http", url="${NOBODY_SETS_THIS}/health").check()


def test_credentials_in_the_plan_are_refused() -> None:
    """A plan is in a repository."""
    assert "holds an account" in problem("http", url="https://me:pw@example.org/")
    assert "holds a credential" in problem("http", url="https://example.org/", headers={"Authorization": "Bearer x"})
    assert "'GET', 'HEAD', 'OPTIONS' or 'POST'" in problem("http", url="https://example.org/", method="DELETE")
