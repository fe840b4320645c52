"""What servers ask the person for: forms and pages, and what they are answered."""

import json
import sys
from typing import Any, Literal

import pytest
from mcp.shared.exceptions import MCPError

import mcp_scripted
from codex_oss.config.schema import McpServer
from codex_oss.errors import McpError
from codex_oss.mcp.asked import DONE, needed
from codex_oss.mcp.link import MAX_REFUSED
from codex_oss.policy import AnswerServer, Reply
from codex_oss.policy.form import Form, Text
from mcp_sessions import Session


class Asking:
    """A server whose tool asks what its arguments say, and a person who replies."""

    def __init__(self, *replies: Reply, mode: str = "ask") -> None:
        server = McpServer(command=sys.executable, args=(mcp_scripted.__file__, mode))
        self.session = Session(a=server)
        self.asked: list[AnswerServer] = []
        self._replies = list(replies)

    def told(self, **arguments: Any) -> dict[str, Any]:
        """Call the tool and return what the server was answered."""
        return json.loads(self.output(**arguments))

    def output(self, **arguments: Any) -> str:
        """Call the tool and return its result, or why it failed."""
        results: list[Any] = []

        async def person(question: AnswerServer) -> Reply:
            self.asked.append(question)
            return self._replies.pop(0)

        async def work() -> None:
            try:
                called = await self.session["a"].call("echo", arguments, person)
                results.append(called["content"][0]["text"])
            except McpError as error:
                results.append(str(error))

        self.session.run(work)
        return results[0]


NAME: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string", "minLength": 2}},
    "required": ["name"],
}
SENT = {"action": "accept", "content": {"name": "Ada"}}


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply("accept", {"name": "Ada"}), SENT),
        (Reply("accept", {"name": "Ada", "more": 1}), SENT),
        (Reply("decline"), {"action": "decline"}),
        (Reply("decline", {"name": "Ada"}), {"action": "decline"}),
        (Reply("cancel"), {"action": "cancel"}),
    ],
)
def test_a_form_reaches_the_person_and_the_answer_the_server(
    reply: Reply, told: dict[str, Any]
) -> None:
    asking = Asking(reply)
    assert asking.told(**NAME) == told
    name = Text(name="name", title="name", required=True, shortest=2)
    form = Form((name,), json.dumps(NAME, separators=(",", ":")))
    assert asking.asked == [AnswerServer(server="a", message="Sure?", form=form)]
    assert asking.session.told == []


def test_agreeing_to_a_form_as_it_is_sends_its_defaults() -> None:
    fields: Any = {
        "size": {"type": "string", "enum": ["s", "m"], "default": "m"},
        "sure": {"type": "boolean"},
        "note": {"type": "string"},
    }
    asking = Asking(Reply("accept"))
    told = asking.told(type="object", properties=fields, required=["sure"])
    assert told == {"action": "accept", "content": {"size": "m", "sure": True}}


@pytest.mark.parametrize("values", [{}, {"name": "A"}, {"name": 7}, None])
def test_what_does_not_fit_the_form_is_never_sent(values: Any) -> None:
    asking = Asking(Reply("accept", values))
    assert asking.told(**NAME) == {"action": "decline"}
    (said,) = asking.session.told
    begin = "MCP server a asks for what the answer does not have (name: it "
    assert said.startswith(begin)
    assert said.endswith("): that was declined")


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_who_asks_again_and_again_is_declined_without_a_person(
    action: Literal["decline", "cancel"],
) -> None:
    server = McpServer(
        command=sys.executable, args=(mcp_scripted.__file__, "ask twenty times")
    )
    session, asked = Session(a=server), list[AnswerServer]()

    async def person(question: AnswerServer) -> Reply:
        asked.append(question)
        return Reply(action)

    async def work() -> None:
        for calls in (1, 2):  # a call has nothing to do with the one before
            await session["a"].call("echo", {"text": "x"}, person)
            assert len(asked) == MAX_REFUSED * calls

    session.run(work)
    said = "MCP server a has asked 4 times in vain: until its call is over, all else is"
    assert session.told == [f"{said} declined"] * 2


def test_why_nobody_was_asked_is_said() -> None:
    asking = Asking(Reply("decline", why="rejected by user approval settings"))
    assert asking.told(**NAME) == {"action": "decline"}
    said = "MCP server a asked for something, and that was declined: rejected by user"
    assert asking.session.told == [f"{said} approval settings"]


def test_a_form_that_nobody_can_fill_in_is_declined() -> None:
    asking = Asking(Reply("accept"))
    table: Any = {"a": {"type": "object"}}
    assert asking.told(type="object", properties=table) == {"action": "decline"}
    said = "MCP server a asks for a, which is no text, number, switch or choice: that "
    assert (asking.session.told, asking.asked) == ([f"{said}was declined"], [])


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("file:///etc/passwd", "a page that is none of the web"),
        ("javascript:alert(1)", "a page that is none of the web"),
        ("https://", "a page that is none of the web"),
        ("https://[x", "a page that is none of the web"),
        ("https://a/ b", "a page whose address cannot be shown"),
        ("https://a/\u202eb", "a page whose address cannot be shown"),
        (f"https://a/{'x' * 3000}", "a page whose address cannot be shown"),
    ],
)
def test_a_page_that_cannot_be_shown_is_declined(url: str, why: str) -> None:
    asking = Asking(Reply("accept"))
    assert asking.told(url=url) == {"action": "decline"}
    said = f"MCP server a asks for {why}: that was declined"
    assert (asking.session.told, asking.asked) == ([said], [])


def test_a_page_reaches_the_person_whole() -> None:
    asking = Asking(Reply("accept"))
    url = "https://a.example/x?y=1"
    assert asking.told(url=url) == {"action": "accept"}
    page = AnswerServer(server="a", message="Sure?", url=url, page_id="p1")
    assert asking.asked == [page]


LOGIN = AnswerServer(
    server="a", message="Log in.", url="https://a.example/x", page_id="p1"
)
FINISHED = AnswerServer(server="a", message=DONE, form=Form())


def test_a_call_that_needs_a_page_first_is_made_again_when_that_is_done() -> None:
    asking = Asking(Reply("accept"), Reply("accept"), mode="pages")
    assert asking.output() == "welcome"
    assert asking.asked == [LOGIN, FINISHED]


@pytest.mark.parametrize(
    ("replies", "asked"),
    [
        ((Reply("decline"),), [LOGIN]),
        ((Reply("cancel"),), [LOGIN]),
        ((Reply("accept"), Reply("decline")), [LOGIN, FINISHED]),
    ],
)
def test_a_call_whose_page_is_not_visited_fails(
    replies: tuple[Reply, ...], asked: list[AnswerServer]
) -> None:
    asking = Asking(*replies, mode="pages")
    assert asking.output() == "Mcp error: -32042: log in first"
    assert asking.asked == asked


@pytest.mark.parametrize(
    "data", [None, 7, {}, {"elicitations": []}, {"elicitations": [{"mode": "form"}]}]
)
def test_an_error_that_names_no_page_is_only_an_error(data: object) -> None:
    assert needed("a", MCPError(-32042, "pages", data)) == []
    assert needed("a", MCPError(-32000, "pages", data)) == []
