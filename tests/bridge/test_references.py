"""Items that a client names instead of sending them once more."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bridging import CODEX, Asking, through
from codex_oss.bridge.references import References, names
from codex_oss.bridge.store import Kept, open_store
from codex_oss.errors import ItemNotFound
from codex_oss.items import Item, Message, OutputText, Unknown, user
from codex_oss.wire import responses
from fake_server import LLAMACPP, FakeServer, chat_call, chat_text, chat_turn, chunk

SAID = Message(role="assistant", content=[OutputText(text="A")], id="msg_1")


ASKED = {"role": "user", "content": "go on"}


def reference(item_id: str, **more: Any) -> dict[str, Any]:
    return {"type": "item_reference", "id": item_id, **more}


def item(body: object) -> Item:
    return responses.decode_item(msgspec.json.encode(body))


# --- what is kept ------------------------------------------------------------------


def resolved(
    items: list[Item], *, owner: str = "me", limit: int = 8, forget: bool = False
) -> list[Item]:
    """Resolve items against one response of "me" that has said ``SAID``."""

    async def use() -> list[Item]:
        store = open_store("memory", folder=Path("unused"), now=lambda: 0.0)
        references = References(store, limit)
        asked: list[Item] = [msgspec.structs.replace(user("Hi"), id="msg_0")]
        kept = Kept(
            id="resp_1",
            created_at=0,
            owner="me",
            response=responses.encode({"output": [SAID]}),
            input_items=responses.encode([*asked, Unknown(b'"what"')]),
        )
        await store.put(kept)
        references.add("me", "resp_1", [*asked, SAID])
        if forget:
            await store.delete("resp_1")
        return await references.resolve(items, owner)

    return asyncio.run(use())


def test_a_reference_becomes_the_item_that_it_names() -> None:
    more = user("More")
    assert resolved([item(reference("msg_1")), more]) == [SAID, more]
    assert resolved([item({"id": "msg_1"})]) == [SAID]
    assert (
        resolved([item(reference("msg_0"))] * 2)
        == [msgspec.structs.replace(user("Hi"), id="msg_0")] * 2
    )


def test_other_items_stay_as_they_are() -> None:
    others = [item({"type": "web_search_call", "id": "msg_1"}), Unknown(b"7"), SAID]
    assert resolved(others) == others


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("msg_7", {}),
        ("msg_1", {"owner": "you"}),
        ("msg_1", {"forget": True}),
        ("msg_0", {"limit": 1}),
    ],
    ids=["never heard of", "another's", "deleted", "too long ago"],
)
def test_what_is_not_kept_is_named(name: str, how: dict[str, Any]) -> None:
    with pytest.raises(ItemNotFound, match=f"^Item with id '{name}' not found"):
        resolved([item(reference(name))], **how)


def test_a_file_knows_after_a_restart_what_a_reference_names(tmp_path: Path) -> None:
    async def use() -> list[Item]:
        store = open_store("sqlite", folder=tmp_path, now=lambda: 0.0)
        await store.put(
            Kept(
                id="resp_1",
                created_at=0,
                owner="me",
                response=responses.encode({"output": [SAID]}),
                input_items=b"[]",
                items=tuple(names([SAID, item(reference("msg_0"))])),
            )
        )
        await store.close()
        store = open_store("sqlite", folder=tmp_path, now=lambda: 0.0)
        try:
            references = References(store)
            for owner, name in (("you", "msg_1"), ("me", "msg_0")):
                with pytest.raises(ItemNotFound):
                    await references.resolve([item(reference(name))], owner)
            return await references.resolve([item(reference("msg_1"))], "me")
        finally:
            await store.close()

    assert asyncio.run(use()) == [SAID]


# --- through a bridge --------------------------------------------------------------


def test_a_conversation_of_references_reaches_the_model_whole(tmp_path: Path) -> None:
    called = chat_turn(
        chunk({"reasoning_content": "Hm."}),
        chat_text("Looking."),
        chat_call("look", {"path": "a"}),
    )
    tools = [{"type": "function", "name": "look", "parameters": {"type": "object"}}]
    hello = {"role": "user", "content": "hello"}

    async def use(asking: Asking) -> list[Any]:
        asked: list[Any] = [hello]
        for _ in range(2):
            body = {"input": asked, "tools": tools}
            output = (await asking.respond(body)).json["output"]
            asked += [reference(item["id"]) for item in output]
            asked += [
                {"type": "function_call_output", "call_id": i["call_id"], "output": "B"}
                for i in output
                if i["type"] == "function_call"
            ]
        last = (await asking.respond({"input": [*asked, hello]})).json
        path = f"/v1/responses/{last['id']}/input_items?order=asc"
        return (await asking.ask("GET", path)).json["data"]

    with FakeServer([called, chat_turn(chat_text("It is B."))], get=LLAMACPP) as server:
        kept = through(server.url, tmp_path, use)
    said = [
        {key: message[key] for key in ("role", "content")}
        for message in server.posts[-1].json["messages"]
    ]
    assert said == [
        hello,
        {"role": "assistant", "content": "Looking."},
        {"role": "tool", "content": "B"},
        {"role": "assistant", "content": "It is B."},
        hello,
    ]
    assert [each["type"] for each in kept] == [
        "message",
        "reasoning",
        "message",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]


@pytest.mark.parametrize("store", ["memory", "none"])
def test_a_reference_to_what_is_not_kept_is_refused(tmp_path: Path, store: str) -> None:
    async def use(asking: Asking) -> Any:
        first = (await asking.respond({"input": "hello"})).json
        known = first["output"][0]["id"] if store == "none" else "msg_7"
        refused = await asking.respond({"input": [reference(known)]})
        return known, refused.status, refused.json["error"]

    with FakeServer([chat_turn(chat_text("hi"))], get=LLAMACPP) as server:
        known, status, error = through(server.url, tmp_path, use, store=store)
    assert (status, error) == (
        400,
        {
            "message": f"Item with id '{known}' not found. It was not kept, was "
            "deleted or is too old: send items whole (Vercel's AI SDK: "
            "`store: false`).",
            "type": "invalid_request_error",
            "param": "input",
            "code": None,
        },
    )


def test_what_is_not_stored_cannot_be_named(tmp_path: Path) -> None:
    async def use(asking: Asking) -> list[int]:
        statuses: list[int] = []
        for headers in ({}, CODEX):
            more = {} if headers else {"store": False}
            first = (await asking.respond({"input": "hello"} | more, headers)).json
            named = {"input": [reference(first["output"][0]["id"])]}
            statuses.append((await asking.respond(named, headers)).status)
        return statuses

    with FakeServer([chat_turn(chat_text("hi"))], get=LLAMACPP) as server:
        assert through(server.url, tmp_path, use) == [400, 400]


def test_a_conversation_of_references_goes_on_after_a_restart(tmp_path: Path) -> None:
    async def begin(asking: Asking) -> str:
        return (await asking.respond({"input": "hello"})).json["output"][0]["id"]

    async def go_on(asking: Asking) -> int:
        return (await asking.respond({"input": [reference(known), ASKED]})).status

    answers = [chat_turn(chat_text("hi"))] * 2
    with FakeServer(answers, get=LLAMACPP) as server:
        known = through(server.url, tmp_path, begin, store="sqlite")
        assert through(server.url, tmp_path, go_on, store="sqlite") == 200
    said = server.posts[-1].json["messages"]
    assert [message["content"] for message in said] == ["hi", "go on"]


def test_what_is_not_stored_leaves_no_name(tmp_path: Path) -> None:
    async def ask(asking: Asking) -> str:
        body = {"input": "hello", "store": False}
        return (await asking.respond(body)).json["output"][0]["id"]

    async def name(asking: Asking) -> int:
        return (await asking.respond({"input": [reference(known)]})).status

    with FakeServer([chat_turn(chat_text("hi"))], get=LLAMACPP) as server:
        known = through(server.url, tmp_path, ask, store="sqlite")
        assert through(server.url, tmp_path, name, store="sqlite") == 400
    assert all(
        known.encode() not in f.read_bytes() for f in tmp_path.rglob("*.sqlite*")
    )
