"""Tokens for servers that want a log-in: out of the keyring, or asked for once. Written nowhere else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from rhresources.errors import RhError
from rhresources.git.address import Remote
from rhresources.git.problems import GitProblem
from rhresources.git.program import Login

if TYPE_CHECKING:
    from rhresources.credentials import Credentials
    from rhresources.reach.questions import Asker

T = TypeVar("T")


class Logins:
    """The tokens that a workspace may use.

    Args:
        credentials: where tokens are kept, by host: kind "token", subject "github.com"; called when one is wanted.
        asker: the person, called when one is wanted; gives None where nobody is there.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials | None] = lambda: None,
        asker: Callable[[], Asker | None] = lambda: None,
    ) -> None:
        self._credentials, self._asker = credentials, asker
        self._turn = asyncio.Lock()
        self._good: dict[str, Login] = {}  # of hosts that are known to want one

    async def attempt(self, remote: Remote, call: Callable[[Login | None], Awaitable[T]]) -> T:
        """The outcome of `call`, tried without a login first, then with the token that is kept, then with what a person
        types. Of an SSH server whose key nobody knows, the person is asked whether it is the right one.

        Raises:
            GitProblem: it failed, or no token is right.
        """
        login = self._good.get(remote.base)
        try:
            return await call(login)
        except GitProblem as problem:
            if problem.code == "host-key-unknown" and await self._learns_host_key(remote):
                return await call(login)
            if problem.code != "refused" or not remote.takes_token:
                raise
            first = problem
        async with self._turn:
            newer = self._good.get(remote.base)
            if newer is not None and newer != login:
                return await call(newer)  # somebody else was asked meanwhile
            return await self._with_token(remote, call, login, first)

    async def _learns_host_key(self, remote: Remote) -> bool:
        """Whether the key of its host is known by now, because the person said that it is the right one."""
        asker, credentials = self._asker(), self._credentials()
        if asker is None or credentials is None or remote.scheme != "ssh":
            return False
        from rhresources.reach.ssh.connecting import learn_host_key
        from rhresources.reach.ssh.secrets import Secrets
        from rhresources.reach.ssh.target import target_of_account

        try:
            await learn_host_key(await target_of_account(remote.account), Secrets(credentials, asker))
        except RhError:
            return False  # what git said of it stands
        return True

    async def _with_token(
        self, remote: Remote, call: Callable[[Login | None], Awaitable[T]], tried: Login | None, first: GitProblem
    ) -> T:
        credentials = self._credentials()
        problem, again = first, tried is not None
        if credentials is not None:
            token = await credentials.get("token", remote.host, unlock=self._asker() is not None)
            if token and (tried is None or tried.token != token):
                try:
                    return await self._used(remote, token, call)
                except GitProblem as error:
                    if error.code != "refused":
                        raise
                    problem, again = error, True
        asker = self._asker()
        while asker is not None:
            from rhresources.reach.questions import SecretQuestion

            answer = await asker.ask_secret(
                SecretQuestion(
                    "token", remote.host, f"Access token for {remote.host}",
                    instruction=f"It is needed to read {remote.url}.", again=again,
                    keeping=credentials.keeping if credentials is not None else "",
                )
            )  # fmt: skip
            if answer is None or not answer.text.strip():
                break
            token = answer.text.strip()
            try:
                result = await self._used(remote, token, call)
            except GitProblem as error:
                if error.code != "refused":
                    raise
                problem, again = error, True
                continue
            if answer.keep and credentials is not None:
                await credentials.put("token", remote.host, token)
            return result
        if again:
            raise GitProblem(
                f"{remote.host} refuses the token for {remote.url}, or the token may not read it.",
                code="refused",
                remedy=f"Make a new token there and keep it: rhdesk credentials set token {remote.host}",
                detail=problem.detail,
            )
        raise problem

    async def _used(self, remote: Remote, token: str, call: Callable[[Login | None], Awaitable[T]]) -> T:
        login = Login(remote.base, token)
        result = await call(login)
        self._good[remote.base] = login
        return result
