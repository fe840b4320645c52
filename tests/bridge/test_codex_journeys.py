"""Longer ways of the real Codex CLI through the bridge: what one answer cannot show."""

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import bridges
import mcp_echo
from codex_cli import CODEX, NO_CODEX, NO_RETRIES, Codex, kill
from codex_scenarios.calls import echo
from codex_scenarios.reasoning import THOUGHT
from codex_scenarios.tools import PATCH, PATCHED, png
from fake_server import Gate, Reply, chunk, sse
from scripted_upstream import (
    DONE,
    MODEL,
    Asked,
    Body,
    Scenario,
    ScriptedUpstream,
    Silence,
    asks,
    calls,
    cut,
    ended,
    first,
    judge,
    said,
    says,
    streamed,
    text_of,
)
from tcp_door import Door

pytestmark = pytest.mark.skipif(not CODEX, reason=NO_CODEX)

SILENT_S = 17.0
IDLE = f"{NO_RETRIES},stream_idle_timeout_ms=15000"
OFTEN = ("-c", "bridge.keep_alive_s=1")
GONE_S = 60.0
"""Until the server must see that nobody waits any more; far more than it takes."""
MUCH = {"prompt_tokens": 90_000, "completion_tokens": 9, "total_tokens": 90_009}
SUMMARY = "Everything was looked at."


@pytest.fixture(scope="module")
def codex(tmp_path_factory: pytest.TempPathFactory) -> Codex:
    return Codex(tmp_path_factory.mktemp("codex"))


@contextmanager
def playing(
    scenario: Scenario, *flags: str
) -> Generator[tuple[ScriptedUpstream, bridges.Running], None, None]:
    """Run a server that plays a scenario, and the bridge in front of it."""
    with (
        ScriptedUpstream([scenario]) as upstream,
        bridges.ours(upstream.url, *flags) as bridge,
    ):
        yield upstream, bridge


def run(codex: Codex, scenario: Scenario, *flags: str, **more: Any) -> list[Body]:
    """Run a scenario, assert that its outcome is right, and return what was sent."""
    with playing(scenario, *flags) as (upstream, bridge):
        folder = codex.folder(scenario.name, scenario.given)
        prompt = f"[[{scenario.name}]] Go."
        told = codex.run(bridge.url, prompt, folder, settings=scenario.settings, **more)
        bodies = upstream.bodies[scenario.name]
    assert judge(scenario, told.told, bodies, told.files) == []
    return bodies


def continues(before: Body, after: Body) -> bool:
    """Whether a server finds all of one prompt at the head of another."""
    old, new = before["messages"], after["messages"]
    same = json.dumps(old) == json.dumps(new[: len(old)])
    return same and json.dumps(before["tools"]) == json.dumps(after.get("tools"))


def test_a_template_that_wants_one_system_message_first_gets_it(codex: Codex) -> None:
    scenario = Scenario(
        name="strict-template",
        turns=(asks("exec_command", echo("strict")), says(DONE)),
        ran=("ran-strict\n",),
        strict=True,
        settings=("-c", "developer_instructions=Say MARKER-7 sometimes."),
    )
    head, *rest = run(codex, scenario)[0]["messages"]
    assert head["role"] == "system"
    assert "MARKER-7" in text_of(head)
    assert {message["role"] for message in rest} == {"user"}


def test_every_request_of_a_turn_continues_the_one_before(codex: Codex) -> None:
    three = tuple(asks("exec_command", echo(str(n)), f"call_{n}") for n in range(3))
    scenario = Scenario(
        name="three-calls",
        turns=(*three, says(DONE)),
        ran=("ran-0\n", "ran-1\n", "ran-2\n"),
    )
    bodies = run(codex, scenario)
    assert len(bodies) == 4
    assert [continues(*pair) for pair in pairwise(bodies)] == [True] * 3


def test_a_developer_message_that_comes_late_stays_where_it_is(codex: Codex) -> None:
    scenario = Scenario(
        name="late-developer", turns=(says(DONE), says(DONE)), strict=True
    )
    with playing(scenario) as (upstream, bridge):
        folder = codex.folder(scenario.name)
        for resume, settings in (
            (False, ()),
            (True, ("-c", 'sandbox_mode="read-only"')),
        ):
            told = codex.run(
                bridge.url,
                f"[[{scenario.name}]] Go.",
                folder,
                resume=resume,
                settings=settings,
            )
            assert judge(scenario, told.told, [], told.files) == []
        first, second = upstream.bodies[scenario.name]
    late = second["messages"][len(first["messages"]) :]
    assert continues(first, second)
    assert any("read-only" in text_of(message) for message in late)


def test_a_request_for_a_summary_keeps_the_prompt_and_its_tools(codex: Codex) -> None:
    much = streamed(*calls("exec_command", echo("much")), *ended("tool_calls", MUCH))
    scenario = Scenario(
        name="compaction",
        # What is left after the summary begins with the prompt again.
        turns=(first(1, much, says(DONE)), says(SUMMARY)),
        ran=("ran-much\n",),
        answers=None,
        settings=("-c", "model_auto_compact_token_limit=50000"),
    )
    before, compaction, *_ = run(codex, scenario)
    assert continues(before, compaction)
    assert compaction["tool_choice"] == "none"


@pytest.mark.parametrize("written", [DONE, f"<think>\n{THOUGHT}\n</think>\n{DONE}"])
def test_a_model_that_once_thought_without_an_opener_may_answer_as_others_do(
    codex: Codex, written: str
) -> None:
    unopened = f"{THOUGHT}\n</think>\n\n{DONE}"
    scenario = Scenario(
        name="thinks",
        turns=(says(unopened), says(written)),
        thought=THOUGHT if written != DONE else "",
    )
    with playing(scenario) as (upstream, bridge):
        folder = codex.folder("thinks")
        codex.run(bridge.url, "[[thinks]] Go.", folder)
        told = codex.run(bridge.url, "Go on.", folder, resume=True)
    assert len(upstream.bodies["thinks"]) == 2
    assert judge(scenario, told.told, [], told.files) == []


def test_a_user_s_picture_reaches_the_model_as_a_picture(codex: Codex) -> None:
    scenario = Scenario(
        name="picture",
        turns=(says(DONE),),
        given={"white.png": png()},
        settings=("-i", "white.png", "--"),
    )
    (body,) = run(codex, scenario)
    parts: list[Body] = [
        part
        for message in body["messages"]
        if isinstance(message["content"], list)
        for part in message["content"]
    ]
    (image,) = [part for part in parts if part["type"] == "image_url"]
    assert image["image_url"]["url"].startswith("data:image/")


def test_codex_outlives_a_long_prefill(codex: Codex) -> None:
    answer = sse([*said(DONE), *ended()])
    silence: list[bytes | Gate] = [Silence(SILENT_S), answer]
    scenario = Scenario(
        name="long-prefill", turns=(lambda asked: Reply(chunks=silence),)
    )
    run(codex, scenario, *OFTEN, provider=IDLE)


def test_codex_outlives_arguments_that_are_long_in_coming(codex: Codex) -> None:
    head, *rest = calls("exec_command", echo("slow"))
    slow: list[bytes | Gate] = [
        sse([head, rest[0]]),
        Silence(SILENT_S),
        sse([*rest[1:], *ended("tool_calls")]),
    ]
    scenario = Scenario(
        name="long-arguments",
        turns=(lambda asked: Reply(chunks=slow), says(DONE)),
        ran=("ran-slow\n",),
    )
    run(codex, scenario, *OFTEN, provider=IDLE)


def test_a_client_that_is_killed_stops_the_prefill(codex: Codex) -> None:
    scenario = Scenario(name="killed", turns=(lambda asked: Reply(silent=True),))
    with playing(scenario) as (upstream, bridge):
        process = codex.start(bridge.url, "[[killed]] Go.", codex.folder("killed"))
        try:
            upstream.wait_played("killed")
        finally:
            kill(process)
        (seen,) = upstream.seen["killed"]
        assert seen.gone.wait(GONE_S)


def test_a_cut_before_anything_was_shown_is_never_seen(codex: Codex) -> None:
    nothing = cut(chunk({"role": "assistant", "content": ""}))
    scenario = Scenario(
        name="cut-once",
        turns=(first(1, nothing, asks("exec_command", echo("whole"))), says(DONE)),
        ran=("ran-whole\n",),
    )
    assert len(run(codex, scenario)) == 3


def test_a_server_may_restart_between_two_turns(codex: Codex) -> None:
    scenario = Scenario(name="restart", turns=(says(DONE), says(DONE)))
    with (
        ScriptedUpstream([scenario]) as one,
        ScriptedUpstream([scenario]) as other,
        Door(one.port) as door,
        bridges.ours(door.url) as bridge,
    ):
        folder = codex.folder("restart")
        for resume in (False, True):
            told = codex.run(bridge.url, "[[restart]] Go.", folder, resume=resume)
            assert judge(scenario, told.told, [], told.files) == []
            door.lead_to(other.port)
    assert len(one.bodies["restart"]) == len(other.bodies["restart"]) == 1


def test_a_tool_of_an_mcp_server_is_called_by_the_name_it_was_offered_by(
    codex: Codex,
) -> None:
    def call(asked: Asked) -> Reply:
        return asks(asked.offered("echo"), {"text": "hi"})(asked)

    server = f'{{command="{sys.executable}",args=["{mcp_echo.__file__}"]}}'
    scenario = Scenario(
        name="mcp",
        turns=(call, says(DONE)),
        kinds=("mcp_tool_call",),
        settings=("-c", f"mcp_servers.demo={server}"),
    )
    bodies = run(codex, scenario)
    assert Asked(bodies[-1], 0).tool_output().rstrip().endswith("echo: hi")


def test_a_sub_agent_works_and_its_word_comes_back(codex: Codex) -> None:
    def spawn(asked: Asked) -> Reply:
        task = {"message": "[[child]] Look."}
        return asks(asked.offered("spawn_agent"), task)(asked)

    def wait(asked: Asked) -> Reply:
        child = json.loads(asked.tool_output())["agent_id"]
        arguments = {"targets": [child], "timeout_ms": 20_000}
        return asks(asked.offered("wait_agent"), arguments, "call_a2")(asked)

    child = Scenario(name="child", turns=(says("The child looked."),))
    parent = Scenario(
        name="parent", turns=(spawn, wait, says(DONE)), kinds=("collab_tool_call",)
    )
    with (
        ScriptedUpstream([parent, child]) as upstream,
        bridges.ours(upstream.url) as bridge,
    ):
        folder = codex.folder("parent")
        told = codex.run(bridge.url, "[[parent]] Go.", folder)
    bodies = upstream.bodies["parent"]
    assert judge(parent, told.told, bodies, told.files) == []
    assert "The child looked." in Asked(bodies[-1], 0).tool_output()


@pytest.mark.parametrize("key", ["input", "patch", ""])
def test_a_freeform_patch_tool_takes_what_models_make_of_it(
    codex: Codex, tmp_path: Path, key: str
) -> None:
    catalogue = tmp_path / "catalogue.json"
    catalogue.write_text(json.dumps({"models": [catalogue_entry()]}))

    def call(asked: Asked) -> Reply:
        arguments = json.dumps({key: PATCH}) if key else PATCH
        return asks("apply_patch", arguments)(asked)

    scenario = Scenario(
        name=f"freeform-{key or 'raw'}",
        turns=(call, says(DONE)),
        kinds=("file_change",),
        files=PATCHED,
        settings=("-c", f"model_catalog_json={catalogue}"),
    )
    first, *_ = run(codex, scenario)
    assert Asked(first, 0).offered("apply_patch") == "apply_patch"


def catalogue_entry() -> Body:
    """Return the least that Codex takes as a model's entry."""
    return {
        "slug": MODEL,
        "display_name": MODEL,
        "supported_reasoning_levels": [],
        "shell_type": "default",
        "visibility": "list",
        "supported_in_api": True,
        "priority": 1,
        "base_instructions": "You are a coding agent.",
        "support_verbosity": False,
        "truncation_policy": {"mode": "bytes", "limit": 10_000},
        "experimental_supported_tools": [],
        "apply_patch_tool_type": "freeform",
        "context_window": 32_768,
    }
