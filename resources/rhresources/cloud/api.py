"""SkyPilot's REST interface, as far as rhdesk needs it: requests that are followed to their end, and cancelled with
us.

A call is a POST that answers at once with the id of a request; the request then waits, runs and ends on the server.
`/api/get` waits for its end and `/api/stream` says what it says. Parts of some answers are pickles: they are passed
over here and never loaded.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rhresources.cloud.problems import CloudProblem
from rhresources.cloud.refusals import refusal
from rhresources.cloud.server_problems import VERSION, ServerProblems, json_of

if TYPE_CHECKING:
    import httpx

API_VERSION = 62
"""Of the interface, as SkyPilot counts; what we speak. SkyPilot translates for older and newer ones in its limits."""

OLDEST_API_VERSION = 24

_CONNECT = 10.0
_POLL = 60.0  # one wait for the end of a request; then it is asked again, in case the connection died unseen
_PATIENCE = 90.0  # how long a server that answered before may be silent in the middle of a request
_PATIENCE_TOLD = 600.0  # the same where a person sees it: what goes well there must not be given up for a bad network
_CANCELLING = 30.0
_ENVIRONMENT = (
    "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
    "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID",
    "GOOGLE_APPLICATION_CREDENTIALS", "KUBECONFIG",
)  # fmt: skip
"""What says as whom the clouds are asked; a server of ours acts for each of our processes with its own."""

OnLine = Callable[[str], None]
"""Gets what a request says, line by line."""

OnSilence = Callable[[float], None]
"""Hears for how many seconds the server has not answered, again and again; 0: it does again."""


@dataclass(frozen=True, slots=True)
class Login:
    """How we show who we are.

    Attributes:
        headers: that every request carries.
        user: SkyPilot's id of us.
        name: for lists.
        own: the server is ours: it may have what says as whom the clouds are asked.
    """

    headers: Mapping[str, str]
    user: str
    name: str
    own: bool


@dataclass(frozen=True, slots=True)
class Health:
    """What a server says of itself."""

    api_version: int
    version: str
    needs_login: bool


class Api:
    """The connection to one server.

    Making it reads files, and takes a tenth of a second; the connection itself comes with the first request.

    Args:
        url: of the server.
        login: how we show who we are.
        socket: the unix socket to which all goes in place of the address, for a server of ours.
        is_gone: whether that server is known to have ended, so that it is not waited for.
    """

    def __init__(self, url: str, login: Login, socket: str = "", is_gone: Callable[[], bool] = lambda: False) -> None:
        import httpx

        self.url = url
        self._is_gone = is_gone
        self._login = login
        self._problems = ServerProblems(url, own=login.own)
        self._client = httpx.AsyncClient(
            base_url=url,
            transport=httpx.AsyncHTTPTransport(uds=socket) if socket else None,
            headers={
                "X-SkyPilot-API-Version": str(API_VERSION),
                "X-SkyPilot-Version": VERSION,
                "User-Agent": "rhdesk",
                **login.headers,
            },
            timeout=httpx.Timeout(_POLL, connect=_CONNECT),
            trust_env=not socket,  # a proxy of the environment is no way to a socket
            # certificates that this computer trusts, rather than a list that came with a package; a socket needs none
            verify=ssl.create_default_context() if not socket else False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """End the connections; requests go on."""
        await self._client.aclose()

    async def health(self, timeout: float = 10.0) -> Health:
        """How the server is.

        Raises:
            CloudProblem: it does not answer (server-unreachable), is too old or too new (server-version), or refuses
                us (server-refused).
        """
        answer = await self._send("GET", "/api/health", timeout=timeout)
        said = json_of(answer)
        if not isinstance(said, dict) or "status" not in said:
            raise CloudProblem(
                f"What answers at {self.url} is no SkyPilot API server.",
                code="server-unreachable",
                remedy="Check the address in the setting skypilot_server.",
                detail=answer.text[:2000],
            )
        api_version = said.get("api_version")
        health = Health(
            api_version=int(api_version) if api_version and str(api_version).isdigit() else 0,
            version=str(said.get("version") or ""),
            needs_login=said["status"] == "needs_auth",
        )
        if health.needs_login:
            raise self._problems.refused(answer.text)
        if health.api_version < OLDEST_API_VERSION:
            raise self._problems.other_version(f"It speaks version {health.api_version or 'unknown'} of the interface.")
        return health

    async def call(
        self, path: str, body: Mapping[str, Any] | None = None, *, on_line: OnLine | None = None,
        on_silence: OnSilence | None = None, method: str = "POST", goes_on: bool = False,
    ) -> Any:  # fmt: skip
        """Make a request, follow it to its end and answer with its value. Cancelling this cancels the request, unless
        it `goes_on` then.

        Raises:
            CloudProblem: it was refused or failed, or the server is gone.
        """
        given = {**(body or {}), "env_vars": self._env_vars(), "entrypoint": "rhdesk", "entrypoint_command": "rhdesk"}
        sending = asyncio.create_task(self._send(method, path, **({} if method == "GET" else {"json": given})))
        try:
            answer = await asyncio.shield(sending)
        except asyncio.CancelledError:
            # it may have been taken on already: only its id can cancel it, and a launch that nobody follows costs
            with contextlib.suppress(Exception, asyncio.CancelledError):
                answer = await asyncio.wait_for(asyncio.shield(sending), _CANCELLING)
                if not goes_on:
                    await self._cancel(answer.headers.get("x-skypilot-request-id", ""))
            raise
        request = answer.headers.get("x-skypilot-request-id", "")
        if not request:
            raise CloudProblem(
                f"{self._problems.called} did not say which request it made of {path}.",
                code="server-version",
                remedy="Something between it and us takes headers away, or it is another version.",
                detail=answer.text[:2000],
            )
        said: list[str] = []
        streaming: asyncio.Task[None] | None = None
        try:
            if on_line is not None:
                streaming = asyncio.create_task(self._stream(request, on_line, said))
            value = await self._end_of(request, said, on_silence)
            if streaming is not None:
                with contextlib.suppress(TimeoutError):  # the last lines; the value is there in any case
                    await asyncio.wait_for(streaming, 5)
            return value
        except asyncio.CancelledError:
            if not goes_on:
                await self._cancel(request)
            raise
        finally:
            if streaming is not None and not streaming.done():
                streaming.cancel()

    async def cancel(self, requests: Sequence[str]) -> None:
        """Cancel requests, as far as the server lets us.

        Raises:
            CloudProblem: that failed, or the server is gone.
        """
        await self.call("/api/cancel", {"request_ids": list(requests)})

    async def get(self, path: str, **params: Any) -> Any:
        """What a plain GET answers."""
        return json_of(await self._send("GET", path, params=params))

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What a plain POST answers; it says as whom the clouds are asked."""
        return json_of(await self._send("POST", path, json={**body, "env_vars": self._env_vars()}))

    # ---------------------------------------------------------------- inside

    async def _end_of(self, request: str, said: list[str], on_silence: OnSilence | None) -> Any:
        """Wait for the end of a request; a server that is away for a while, or starts anew, is waited for."""
        answer = await self._when_it_ends(request, on_silence)
        if answer.status_code == 404:
            raise CloudProblem(
                "SkyPilot's server was started anew while it worked on this, and does not know of it any more.",
                code="interrupted",
                remedy="Look at the clusters with a refresh, then ask again.",
                detail=answer.text[:2000],
            )
        value = json_of(answer)
        if answer.status_code == 500 and isinstance(value, dict) and isinstance(value.get("detail"), dict):
            value = value["detail"]
        elif answer.is_error:
            raise self._problems.bad_answer(answer)
        error_said = _inner(value.get("error"))
        if error_said:
            raise refusal(str(error_said.get("type", "")), str(error_said.get("message", "")), said)
        if value.get("status") == "CANCELLED":
            raise refusal("RequestCancelled", "", said)
        return _inner(value.get("return_value"))

    async def _when_it_ends(self, request: str, on_silence: OnSilence | None) -> httpx.Response:
        """What the server answers when the request has ended.

        Raises:
            CloudProblem: the server has been silent for too long, or is gone.
        """
        patience = _PATIENCE if on_silence is None else _PATIENCE_TOLD
        since: float | None = None
        while True:
            asked = time.monotonic()
            try:
                answer = await self._client.get("/api/get", params={"request_id": request})
                if answer.status_code != 503:
                    if since is not None and on_silence is not None:
                        on_silence(0.0)
                    return answer
                problem = self._problems.bad_answer(answer)
            except _network_errors() as error:
                problem = self._problems.gone(error)
                if _is_timeout(error):
                    asked = time.monotonic()
                    if await self._is_there():  # it goes on, and somebody works on it
                        if since is not None and on_silence is not None:
                            on_silence(0.0)
                        since = None
                        continue
            since = asked if since is None else since
            silent = time.monotonic() - since
            if silent >= patience or self._is_gone():
                raise problem
            if on_silence is not None:
                on_silence(silent)
            await asyncio.sleep(1)

    async def _is_there(self) -> bool:
        """Whether the server answers at all."""
        try:
            return not (await self._client.get("/api/health", timeout=_CONNECT)).is_server_error
        except _network_errors():
            return False

    async def _stream(self, request: str, on_line: OnLine, said: list[str]) -> None:
        """Hand on what a request says. It tells, and nothing hangs on it: failures are passed over."""
        heard = 0
        while True:
            try:
                params = {"request_id": request, "follow": "true", "format": "console"}
                # no limit between two lines: a cloud may take minutes to answer
                async with self._client.stream("GET", "/api/stream", params=params, timeout=None) as answer:
                    if answer.status_code != 503:
                        if answer.is_success:
                            seen = 0
                            async for line in answer.aiter_lines():
                                seen += 1
                                if seen <= heard:
                                    continue  # told before the connection broke
                                heard = seen
                                said.append(line)
                                del said[:-500]
                                on_line(line)
                        return
            except _network_errors():
                pass
            await asyncio.sleep(1)

    async def _cancel(self, request: str) -> None:
        """Cancel a request and see it end, whatever else is cancelled meanwhile."""

        async def cancel() -> None:
            # without our id: where we logged in the server has another of us, and would find none of ours
            body = {"request_ids": [request], "env_vars": self._env_vars()}
            answer = await self._send("POST", "/api/cancel", json=body)
            for each in (answer.headers.get("x-skypilot-request-id", ""), request):
                if each:
                    await self._client.get("/api/get", params={"request_id": each})

        task = asyncio.create_task(cancel())
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await asyncio.wait_for(asyncio.shield(task), _CANCELLING)

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """One exchange. What never reached the server is sent again; what may have is only if it changes nothing."""
        import httpx

        for attempt in range(4):
            try:
                answer = await self._client.request(method, path, **arguments)
            except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
                if attempt >= 2:
                    raise self._problems.gone(error) from None
            except _network_errors() as error:
                if method != "GET" or attempt >= 2:
                    raise self._problems.gone(error) from None
            else:
                if answer.status_code != 503 or attempt >= 3:  # 503: it did not take it on
                    return self._checked(answer)
            await asyncio.sleep(0.5 * (attempt + 1))
        raise AssertionError("unreachable")

    def _checked(self, answer: httpx.Response) -> httpx.Response:
        if answer.status_code in {401, 403, 407} or answer.is_redirect:
            raise self._problems.refused(answer.text)
        if answer.status_code == 400 and "version_mismatch" in answer.text:
            raise self._problems.other_version(str((json_of(answer) or {}).get("message", answer.text)))
        if answer.is_error:
            raise self._problems.bad_answer(answer)
        return answer

    def _env_vars(self) -> dict[str, str]:
        told = {"SKYPILOT_USER_ID": self._login.user, "SKYPILOT_USER": self._login.name}
        if self._login.own:
            told |= {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        return told


def _inner(value: Any) -> Any:
    """JSON inside JSON, as SkyPilot packs values and errors."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _network_errors() -> tuple[type[Exception], ...]:
    import httpx

    return (httpx.TransportError,)


def _is_timeout(error: Exception) -> bool:
    import httpx

    return isinstance(error, httpx.ReadTimeout)
