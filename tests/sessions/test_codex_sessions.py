"""Sessions that the Codex CLI wrote, of this version and older ones."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.items import FunctionCall, FunctionCallOutput, Message, user
from codex_oss.items import OutputText as Text
from codex_oss.sessions import catalog
from codex_oss.sessions.reading import read

THREAD = "01a1fd2c-0814-7470-9c7b-ff42fd8041ba"
CALL: dict[str, Any] = {
    "type": "function_call",
    "name": "f",
    "arguments": "{}",
    "call_id": "c",
}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "o"}


def said(role: str, *texts: str) -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text} for text in texts]
    return {"type": "message", "role": role, "content": content, "id": "msg_1"}


def session(folder: Path, *lines: tuple[str, Any]) -> Path:
    """Write a session in the folder that Codex would write it to."""
    path = (
        folder / "sessions/2026/01/31" / f"rollout-2026-01-31T08-00-00-{THREAD}.jsonl"
    )
    path.parent.mkdir(parents=True)
    meta = {"id": THREAD, "cwd": "/w", "source": "cli", "model_provider": "openai"}
    told = [("session_meta", meta), *lines]
    path.write_text(
        "".join(
            json.dumps(
                {"timestamp": "T", "ordinal": n, "type": kind, "payload": payload}
            )
            + "\n"
            for n, (kind, payload) in enumerate(told)
        )
    )
    return path


def texts(path: Path) -> list[str]:
    """Return what each message of a session says."""
    items = read(path, THREAD).items
    return ["|".join(p.text for p in i.content) for i in items]  # type: ignore[union-attr]


def test_the_conversation_stays_and_what_codex_put_around_it_goes(
    tmp_path: Path,
) -> None:
    path = session(
        tmp_path,
        ("event_msg", {"type": "task_started", "turn_id": "t"}),
        (
            "response_item",
            said("developer", "<skills_instructions>x", "<permissions instructions>y"),
        ),
        ("response_item", said("user", "<environment_context>\n  <cwd>/w</cwd>")),
        ("world_state", {"full": True, "state": {}}),
        ("turn_context", {"turn_id": "t", "model": "gpt-5", "cwd": "/w"}),
        ("response_item", said("developer", "be brief", "<collaboration_mode>z")),
        (
            "response_item",
            said("user", "go") | {"metadata": {"client_authored": False}},
        ),
        ("response_item", CALL | {"metadata": None}),
        ("response_item", OUTPUT),
        ("response_item", {"type": "ghost_snapshot", "ghost_commit": {}}),
        ("response_item", said("assistant", "done")),
        ("token_usage_record", {"usage": {}}),
    )
    kept = read(path, THREAD)
    part = {"id": "msg_1"}
    assert kept.items == [
        Message(role="developer", content=user("be brief").content, **part),
        Message(role="user", content=user("go").content, **part),
        FunctionCall(name="f", arguments="{}", call_id="c"),
        FunctionCallOutput(call_id="c", output="o"),
        Message(role="assistant", content=[Text(text="done")], **part),
    ]
    assert (kept.model, kept.provider, kept.warnings) == ("gpt-5", "openai", [])
    (entry,) = catalog.entries(tmp_path, {})
    assert (entry.first_prompt, entry.provider) == ("go", "openai")


def test_a_compaction_is_where_reading_goes_on_from(tmp_path: Path) -> None:
    replaced = [said("user", "task"), said("user", "summary: half done")]
    path = session(
        tmp_path,
        ("response_item", said("user", "task")),
        ("response_item", said("assistant", "long")),
        ("compacted", {"message": "half done", "replacement_history": replaced}),
        ("response_item", said("user", "on")),
    )
    assert texts(path) == ["task", "summary: half done", "on"]


def test_an_older_compaction_has_only_its_summary(tmp_path: Path) -> None:
    path = session(
        tmp_path,
        ("response_item", said("user", "<environment_context>\n  <sandbox>x")),
        ("response_item", said("user", "x" * 90_000)),
        ("response_item", said("user", "task")),
        ("response_item", said("assistant", "long")),
        ("compacted", {"message": "half done"}),
        ("response_item", said("user", "on")),
    )
    assert texts(path) == ["task", "half done", "on"]


def test_turns_that_were_rolled_back_are_gone(tmp_path: Path) -> None:
    lines = [("response_item", said("user", f"p{n}")) for n in range(3)]
    back = ("event_msg", {"type": "thread_rolled_back", "num_turns": 2})
    path = session(tmp_path, *lines, back, ("response_item", said("user", "new")))
    assert texts(path) == ["p0", "new"]


def test_the_first_prompt_of_an_event_is_one(tmp_path: Path) -> None:
    told: dict[str, Any] = {"type": "user_message", "message": "hello", "images": []}
    session(tmp_path, ("event_msg", told), ("response_item", said("user", "hello")))
    (entry,) = catalog.entries(tmp_path, {})
    assert entry.first_prompt == "hello"


def test_the_oldest_format_has_items_with_nothing_around_them(tmp_path: Path) -> None:
    path = tmp_path / "rollout.jsonl"
    lines = [
        {"id": THREAD, "timestamp": "T", "instructions": None, "type": "meta"},
        {"record_type": "state", "type": "state"},
        said("user", "hello"),
        said("assistant", "yes"),
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    kept = [i for i in read(path, THREAD).items if isinstance(i, Message)]
    assert [message.role for message in kept] == ["user", "assistant"]


@pytest.mark.parametrize("payload", [{}, {"type": 7}, {"type": "message", "role": 3}])
def test_what_is_not_known_is_no_damage(tmp_path: Path, payload: Any) -> None:
    path = session(tmp_path, ("something_new", payload), ("event_msg", {}))
    assert read(path, THREAD).warnings == []


@given(st.lists(st.binary(max_size=80), max_size=5), st.data())
def test_any_damage_is_left_out_or_said(
    tmp_path_factory: pytest.TempPathFactory, spoilt: list[bytes], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("s") / "rollout.jsonl"
    good = [
        json.dumps({"type": "session_meta", "payload": {"id": THREAD}}).encode(),
        json.dumps({"type": "response_item", "payload": said("user", "go")}).encode(),
    ]
    lines = data.draw(st.permutations([*good, *spoilt]))
    path.write_bytes(b"\n".join([*lines, b""]))
    kept = read(path, THREAD)
    assert [i for i in kept.items if isinstance(i, Message) and i.id == "msg_1"]
    assert kept.meta == {"id": THREAD}


def test_a_line_too_deep_to_read_is_damage(tmp_path: Path) -> None:
    path = session(tmp_path, ("response_item", said("user", "go")))
    deep = b'{"type":"response_item","payload":{"x":' + b"[" * 100_000
    path.write_bytes(path.read_bytes() + deep + b"\n")
    assert len(read(path, THREAD).warnings) == 1
