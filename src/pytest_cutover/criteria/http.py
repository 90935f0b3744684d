"""An endpoint of the service answers as it should."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.criteria.fields import Scalar
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Phase, Section, Text
from pytest_cutover.plan.targets import expand
from pytest_cutover.plan.values import Duration, format_duration

if TYPE_CHECKING:
    import httpx

LONGEST_S = 10.0
"""An endpoint without `within` may take this long."""

_SECRET_HEADERS = ("authorization", "cookie", "proxy-authorization", "x-api-key")


def _url(text: str) -> str:
    if not re.match(r"https?://|\$\{\w+\}", text):
        raise ValueError("write http://…, https://… or ${NAME}")
    if re.match(r"https?://[^/]*@", text) and "${" not in text.split("@")[0]:
        raise ValueError("holds an account; write it as ${NAME}, which is read from the environment")
    return text


Url = Annotated[Text, AfterValidator(_url)]
Method = Literal["GET", "HEAD", "OPTIONS", "POST"]


class Login(Section):
    """A request ahead of the one that counts, whose answer holds a token."""

    url: Url = Field(description="where to log in, by POST")
    body: dict[str, Any] = Field(description="sent as JSON; credentials as ${NAME}")
    token: Text = Field(description="where in the answer's JSON the token is, as access_token or data.token")


class Http(Kind):
    """The endpoint answers with the status, in time, and its JSON holds the values."""

    KIND: ClassVar[str] = "http"
    GROUP: ClassVar[str] = "live"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("before", "after", "monitor")
    PROVES: ClassVar[str] = (
        "One request was sent, redirects were not followed, certificates were verified. With `login` a token was asked for "
        "first and sent as a bearer. `${NAME}` in `url`, `headers` and `body` is read from the environment; no report shows "
        "what it stands for, nor the answer's body."
    )
    CANNOT: ClassVar[str] = (
        "It is one request. Whether a POST changes something only the service knows: name one that does not. PUT, PATCH and "
        "DELETE are refused."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='url = "${SERVICE_URL}/health"\nstatus = 200\nwithin = "500ms"\njson = { "database.status" = "ok" }',
        before="", passing="", failing="", message="${SERVICE_URL}/health answers with 503, expected is 200",
    )  # fmt: skip

    method: Method = Field("GET", description="how it is asked")
    url: Url = Field(description="the endpoint; may hold ${NAME}")
    headers: dict[str, str] = Field({}, description="further headers; credentials as ${NAME}")
    body: Any = Field(None, description="a text, or a table that is sent as JSON; may hold ${NAME}")
    login: Login | None = Field(None, description="{ url, body, token }: asked first; its token is sent as a bearer")
    status: int = Field(200, ge=100, le=599, strict=True, description="the status of the answer")
    within: Duration | None = Field(None, description="how long the answer may take; left out: 10 s")
    json_: dict[str, Scalar] | None = Field(
        None, alias="json", description='values in the answer\'s JSON by their path, as { "items.0.state" = "ok" }'
    )

    @model_validator(mode="after")
    def _no_secret(self) -> Self:
        for name, value in self.headers.items():
            if name.lower() in _SECRET_HEADERS and "${" not in value:
                raise ValueError(f"headers.{name} holds a credential; write it as ${{NAME}}")
        return self

    def check(self) -> Finding:
        """Asks the endpoint.

        Raises:
            NotChecked: a variable is not set, or the login failed.
        """
        import httpx  # every run of pytest would pay for it

        allowed = self.within or LONGEST_S
        expected = f"status {self.status} within {format_duration(allowed)}"
        headers = {name: _filled(value) for name, value in self.headers.items()}
        url, body = _filled(self.url), _filled_in(self.body)
        try:
            with httpx.Client(timeout=allowed, headers={"user-agent": "pytest-cutover"}) as client:
                if self.login is not None:
                    headers["authorization"] = f"Bearer {self._token(client, self.login)}"
                content = {"content": body} if isinstance(body, str) else {"json": body} if body is not None else {}
                began = time.perf_counter()
                answer = client.request(self.method, url, headers=headers, **content)
                took = time.perf_counter() - began
        except httpx.TimeoutException:
            return Finding(
                False,
                f"{self.url} does not answer within {format_duration(allowed)}",
                expected=expected,
                actual="no answer",
            )
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            # Its text may hold what a variable stands for.
            return Finding(
                False, f"{self.url} cannot be asked: {type(error).__name__}", expected=expected, actual="no answer"
            )
        return self._judge(answer, took, allowed, expected)

    def _judge(self, answer: httpx.Response, took: float, allowed: float, expected: str) -> Finding:
        wrong = []
        if answer.status_code != self.status:
            wrong.append(f"answers with {answer.status_code}, expected is {self.status}")
        elif took > allowed:
            wrong.append(f"takes {format_duration(took)}, expected is at most {format_duration(allowed)}")
        strange = self._strange(answer) if answer.status_code == self.status else []
        if strange:
            wrong.append(f"has another JSON: {strange[0][0]} {strange[0][1]}")
        return Finding(
            not wrong, f"{self.url} " + (" and ".join(wrong) or f"answers with {self.status} in {format_duration(took)}"),
            expected=expected, actual=f"status {answer.status_code}" + (", another JSON" if strange else ""),
            evidence=(Evidence.of("Not as expected in the JSON", ("path", "what"), strange),) if strange else (),
        )  # fmt: skip

    def _strange(self, answer: httpx.Response) -> list[tuple[str, str]]:
        """The paths whose values are not the expected ones; a value of the answer is never shown."""
        if not self.json_:
            return []
        try:
            content = answer.json()
        except ValueError:
            return [("the answer", "is no JSON")]
        found = []
        for path, wanted in self.json_.items():
            there, value = _at(content, path)
            if not there:
                found.append((path, f"is not there, expected is {wanted!r}"))
            elif value != wanted or isinstance(value, bool) != isinstance(wanted, bool):
                found.append((path, f"is another value, expected is {wanted!r}"))
        return found

    def _token(self, client: httpx.Client, login: Login) -> str:
        import httpx

        url, body = _filled(login.url), _filled_in(login.body)
        try:
            answer = client.post(url, json=body)
            there, token = _at(answer.json(), login.token) if answer.is_success else (False, None)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise NotChecked(f"the login at {login.url} failed: {type(error).__name__}") from None
        if not there or not isinstance(token, str):
            raise NotChecked(f"the login at {login.url} gave no token at {login.token} (status {answer.status_code})")
        return token


def _at(content: Any, path: str) -> tuple[bool, Any]:
    """Whether there is something at a path of names and positions, and what."""
    for part in path.split("."):
        if isinstance(content, Mapping) and part in content:
            content = content[part]
        elif isinstance(content, list) and part.isdigit() and int(part) < len(content):
            content = content[int(part)]
        else:
            return False, None
    return True, content


def _filled(text: str) -> str:
    found = expand(text)
    if found is None:
        missing = next(name for name in re.findall(r"\$\{(\w+)\}", text) if name not in os.environ)
        raise NotChecked(f"the variable {missing} is not set")
    return found


def _filled_in(value: Any) -> Any:
    if isinstance(value, str):
        return _filled(value)
    if isinstance(value, Mapping):
        return {name: _filled_in(part) for name, part in value.items()}
    return [_filled_in(part) for part in value] if isinstance(value, list) else value
