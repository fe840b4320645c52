"""One more login for more rights: asked for first, and only then begun."""

import asyncio
import threading
import urllib.request
from pathlib import Path

import httpx2
import pytest

from codex_oss.config.schema import McpServer
from codex_oss.mcp.credentials import Credentials, Login
from codex_oss.mcp.http import MAX_SCOPE, MAX_SCOPES, missing
from codex_oss.mcp.place import Place
from codex_oss.mcp.wider import widen
from codex_oss.policy import AnswerServer, Reply
from mcp_oauth import WAIT_S, Accounts, OAuthServer

MANY = " ".join(map(str, range(99)))
LONG = "x" * (MAX_SCOPE + 1)
YES, NO = Reply("accept"), Reply("decline")


class Person:
    """Answers, and opens what was agreed to."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[AnswerServer] = []
        self._replies = list(replies)

    async def reply(self, question: AnswerServer) -> Reply:
        self.asked.append(question)
        reply = self._replies.pop(0)
        if question.url and reply == YES:
            threading.Thread(target=self._open, args=(question.url,)).start()
        return reply

    def _open(self, url: str) -> None:
        urllib.request.urlopen(url, timeout=WAIT_S).read()


def widened(home: Path, accounts: Accounts, person: Person) -> tuple[bool, list[str]]:
    """Ask for the rights b and c beside a; return whether, and what the login has."""
    place = Place(
        cwd=home, env={"CODEX_HOME": str(home)}, tell=print, changed=lambda: None
    )
    with OAuthServer(accounts) as server:
        logins = Credentials(home)
        logins.put(
            Login(
                server_name="s",
                server_url=server.url,
                client_id="old",
                access_token="t",
                scopes=["a"],
            )
        )
        wanted = widen(
            "s", McpServer(url=server.url), place, {}, ("b", "c"), person.reply
        )
        done = asyncio.run(wanted)
        login = logins.find("s", server.url)
    assert login is not None
    return done, login.scopes


def test_more_rights_are_had_after_two_yeses(tmp_path: Path) -> None:
    accounts, person = Accounts(), Person(YES, YES)
    assert widened(tmp_path, accounts, person) == (True, ["a", "b", "c"])
    consent, page = person.asked
    told = "It wants more rights for this: b c. Log in to give them?"
    assert (consent.message, consent.url) == (told, "")
    assert "/authorize?" in page.url
    assert [params.scopes for params in accounts.asked] == [["a", "b", "c"]]


@pytest.mark.parametrize("replies", [(NO,), (YES, NO), (YES, Reply("cancel"))])
def test_a_no_leaves_the_login_as_it_is(
    tmp_path: Path, replies: tuple[Reply, ...]
) -> None:
    accounts, person = Accounts(), Person(*replies)
    assert widened(tmp_path, accounts, person) == (False, ["a"])
    assert (len(person.asked), accounts.asked) == (len(replies), [])
    # Not even a client is registered before the first yes.
    assert len(accounts.clients) == len(replies) - 1


@pytest.mark.parametrize(
    ("status", "header", "scopes"),
    [
        (403, 'Bearer error="insufficient_scope", scope="b c b"', ("b", "c")),
        (403, 'Bearer scope=b, error="insufficient_scope"', ("b",)),
        (403, 'Bearer error="insufficient_scope"', ()),
        (403, 'Bearer error="invalid_token", scope="b"', ()),
        (401, 'Bearer error="insufficient_scope", scope="b"', ()),
        (403, "", ()),
        (
            403,
            f'Bearer error="insufficient_scope", scope="{MANY}"',
            tuple(MANY.split()[:MAX_SCOPES]),
        ),
        (403, f'Bearer error="insufficient_scope", scope="{LONG} b"', ("b",)),
    ],
)
def test_rights_are_read_from_a_refusal(
    status: int, header: str, scopes: tuple[str, ...]
) -> None:
    assert missing(httpx2.Response(status, headers={"WWW-Authenticate": header})) == (
        scopes
    )
