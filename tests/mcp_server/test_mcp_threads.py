"""Conversations of one process: kept ready, closed, found again."""

import asyncio

import pytest

from codex_oss.errors import UsageError
from codex_oss.mcp_server import conversation
from codex_oss.mcp_server.calls import CodexCall, ReplyCall, Told
from codex_oss.mcp_server.conversation import TakenTurn
from codex_oss.mcp_server.news import Ended
from codex_oss.mcp_server.threads import MAX_OPEN, MAX_TURNS, Threads, not_found
from codex_oss.policy import Action, AnswerServer, Question, RunCommand
from codex_oss.policy.form import Form
from mcp_opener import Opener, calls, says


async def ended(turn: TakenTurn) -> Told:
    async with asyncio.timeout(60):
        while not isinstance(news := await turn.news.get(), Ended):
            pass
        return news.told


def test_the_one_used_longest_ago_is_closed_and_opened_again() -> None:
    async def talk() -> None:
        opener = Opener()
        threads = Threads(opener)
        for _ in range(MAX_OPEN):
            await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        first, second = opener.opened[:2]
        again = ReplyCall(prompt="x", thread_id=first)
        assert await ended(threads.reply(again, asks=False)) == Told(
            text="done", thread_id=first
        )
        await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        assert opener.closed == [second]
        back = ReplyCall(prompt="x", thread_id=second)
        assert not (await ended(threads.reply(back, asks=False))).failed
        assert opener.opened[-1] == second
        await threads.close()
        assert sorted(opener.closed) == sorted(opener.opened)

    asyncio.run(talk())


def test_calls_to_one_conversation_wait_for_each_other() -> None:
    async def talk() -> None:
        opener = Opener()
        threads = Threads(opener)
        told = await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        again = ReplyCall(prompt="x", conversation_id=told.thread_id)
        turns = [threads.reply(again, asks=False) for _ in range(2)]
        assert [await ended(turn) for turn in turns] == [told, told]
        assert len(opener.opened) == 1
        await threads.close()

    asyncio.run(talk())


def test_a_conversation_whose_engine_has_died_is_opened_again() -> None:
    async def talk() -> None:
        opener = Opener()
        threads = Threads(opener)
        told = await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        opener.dead.add(told.thread_id)
        again = ReplyCall(prompt="x", thread_id=told.thread_id)
        assert await ended(threads.reply(again, asks=False)) == told
        assert opener.opened == [told.thread_id] * 2
        assert opener.closed == [told.thread_id]
        await threads.close()

    asyncio.run(talk())


def test_a_turn_that_is_ended_early_says_so_and_lets_the_next_run() -> None:
    async def talk() -> None:
        threads = Threads(Opener())
        told = await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        again = ReplyCall(prompt="x", thread_id=told.thread_id)
        turn = threads.reply(again, asks=False)
        turn.end()
        await turn.over()
        assert (await ended(turn)).failed
        assert await ended(threads.reply(again, asks=False)) == told
        await threads.close()

    asyncio.run(talk())


def test_a_conversation_that_is_slow_to_open_keeps_only_its_own_calls_waiting() -> None:
    async def talk() -> None:
        opener = Opener()
        slow, lost = "00000000-0000-7000-8000-00000000000a", "nowhere"
        opener.closed.append(slow)
        opener.slow[slow] = asyncio.Event()
        threads = Threads(opener)
        told = await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        late = [
            threads.reply(ReplyCall(prompt="x", thread_id=slow), asks=False)
            for _ in range(2)
        ]
        again = ReplyCall(prompt="x", thread_id=told.thread_id)
        assert await ended(threads.reply(again, asks=False)) == told
        unknown = ReplyCall(prompt="x", thread_id=lost)
        assert (await ended(threads.reply(unknown, asks=False))).failed
        opener.slow[slow].set()
        done = Told(text="done", thread_id=slow)
        assert [await ended(turn) for turn in late] == [done, done]
        assert opener.opened.count(slow) == 1
        await threads.close()

    asyncio.run(talk())


def test_each_turn_says_whether_somebody_can_be_asked_in_it() -> None:
    async def talk() -> None:
        opener = Opener()
        threads = Threads(opener)
        told = await ended(threads.begin(CodexCall(prompt="x"), asks=True))
        again = ReplyCall(prompt="x", thread_id=told.thread_id)
        await ended(threads.reply(again, asks=False))
        await ended(threads.reply(again, asks=True))
        assert opener.asking == [True, False, True]
        await threads.close()

    asyncio.run(talk())


def test_there_is_an_end_to_how_many_turns_run() -> None:
    async def talk() -> None:
        threads = Threads(Opener())
        turns = [
            threads.begin(CodexCall(prompt="x"), asks=False) for _ in range(MAX_TURNS)
        ]
        with pytest.raises(UsageError, match="turns run already"):
            threads.begin(CodexCall(prompt="x"), asks=False)
        for turn in turns:
            assert not (await ended(turn)).failed
        assert not (
            await ended(threads.begin(CodexCall(prompt="x"), asks=False))
        ).failed
        await threads.close()

    asyncio.run(talk())


def test_an_unknown_id_is_repeated_shortly_and_on_one_line() -> None:
    assert str(not_found("a\nb\x1b[1m" + "x" * 500)) == (
        "Session not found for thread_id: a\\nb\\x1b[1m" + "x" * 93 + "…"
    )


def test_an_unknown_id_is_as_short_where_it_is_told_as_data() -> None:
    async def talk() -> None:
        threads = Threads(Opener())
        unknown = ReplyCall(prompt="x", thread_id="a\n" + "x" * 100_000)
        told = await ended(threads.reply(unknown, asks=False))
        assert told.failed
        assert told.structured == {
            "threadId": "a\\n" + "x" * 98 + "…",
            "content": told.text,
        }
        await threads.close()

    asyncio.run(talk())


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        (AnswerServer(server="a", message="Sure?", form=Form()), "later"),
        (RunCommand(command="make", cwd="/"), "no"),
    ],
)
def test_a_question_that_a_client_never_answers_is_left(
    monkeypatch: pytest.MonkeyPatch, action: Action, answer: str
) -> None:
    monkeypatch.setattr(conversation, "ANSWER_WAIT_S", 0)

    async def talk() -> None:
        opener = Opener(calls("wait"), says("done"))
        threads = Threads(opener)
        turn = threads.begin(CodexCall(prompt="x"), asks=True)
        await opener.wait.begun.wait()
        assert opener.ask is not None
        assert await opener.ask.client.ask(Question(action=action)) == answer
        opener.wait.go.set()
        await ended(turn)
        await threads.close()

    asyncio.run(asyncio.wait_for(talk(), 60))
