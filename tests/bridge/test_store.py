"""What every store does, asked of each of them, and what each does alone."""

import asyncio
import contextlib
import sqlite3
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from codex_oss.bridge.store import Bounds, Kept, Store, find, history, open_store
from codex_oss.bridge.store.sqlite import SqliteStore
from codex_oss.errors import BadRequest, ConfigError, PreviousNotFound, StoreError
from codex_oss.items import Item, Message, OutputText, Unknown, user
from codex_oss.wire.responses import encode
from redis_server import redis_server, skip_without_redis

NOW = 1_800_000_000
KINDS = ["memory", "sqlite", "redis"]


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


def kept(response_id: str = "resp_1", **fields: object) -> Kept:
    usual = Kept(
        id=response_id,
        created_at=NOW,
        owner="me",
        response=b'{"id":"resp_1","output":[]}',
        input_items=b"[]",
        previous_response_id=None,
    )
    return msgspec.structs.replace(usual, **fields)


@contextlib.asynccontextmanager
async def opened(
    kind: str,
    folder: Path,
    *,
    clock: Callable[[], float] | None = None,
    bounds: Bounds | None = None,
) -> AsyncGenerator[Store, None]:
    async with contextlib.AsyncExitStack() as stack:
        spec = kind
        if kind == "redis":
            spec = await stack.enter_async_context(redis_server(str(folder)))
        store = open_store(spec, folder=folder, now=clock or Clock(), bounds=bounds)
        stack.push_async_callback(store.close)
        yield store


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await work()

    asyncio.run(bounded())


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "redis":
        skip_without_redis()
    return request.param


# --- every store ----------------------------------------------------------------------


def test_a_response_is_read_as_it_was_kept(kind: str, tmp_path: Path) -> None:
    whole = kept(
        response='{"a":"ü\\u0000\n"}'.encode(),
        input_items=b"\x00" * 100_000,
        previous_response_id="resp_0",
    )

    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            assert await store.get("resp_1") is None
            await store.put(whole)
            assert await store.get("resp_1") == whole

    run(work)


def test_a_response_kept_twice_is_the_later_one(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            await store.put(kept(response=b"1"))
            await store.put(kept(response=b"2"))
            assert await store.get("resp_1") == kept(response=b"2")

    run(work)


def test_a_deleted_response_is_gone(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            await store.put(kept())
            await store.put(kept("resp_2"))
            assert await store.delete("resp_1") is True
            assert await store.delete("resp_1") is False
            assert await store.get("resp_1") is None
            assert await store.get("resp_2") == kept("resp_2")

    run(work)


def test_nobody_reads_the_response_of_another(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            await store.put(kept())
            assert await find(store, "resp_1", "me") == kept()
            assert await find(store, "resp_1", "you") is None
            assert await find(store, "resp_1", "") is None

    run(work)


def test_many_writers_do_not_get_into_each_others_way(
    kind: str, tmp_path: Path
) -> None:
    ids = [f"resp_{n}" for n in range(40)]

    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            async with asyncio.TaskGroup() as tasks:
                for each in ids:
                    tasks.create_task(store.put(kept(each)))
            assert [await store.get(each) for each in ids] == [*map(kept, ids)]

    run(work)


# --- bounds, where the store and not a server keeps them ------------------------------

BOUNDED = pytest.mark.parametrize("kind", ["memory", "sqlite"])


@BOUNDED
def test_of_too_many_responses_the_oldest_is_forgotten(
    kind: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path, bounds=Bounds(entries=2)) as store:
            for each in ("resp_1", "resp_2", "resp_3"):
                await store.put(kept(each))
            there = [await store.get(f"resp_{n}") is not None for n in (1, 2, 3)]
            assert there == [False, True, True]

    run(work)


@BOUNDED
def test_of_too_many_bytes_as_many_responses_are_forgotten_as_it_takes(
    kind: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path, bounds=Bounds(size=10_000)) as store:
            for each in ("resp_1", "resp_2", "resp_3"):
                await store.put(kept(each, response=b"x" * 2000))
            await store.put(kept("resp_4", response=b"x" * 6000))
            there = [await store.get(f"resp_{n}") is not None for n in (1, 2, 3, 4)]
            assert there == [False, False, True, True]
            await store.put(kept("resp_5", response=b"x" * 20_000))
            assert await store.get("resp_5") is None

    run(work)


@BOUNDED
def test_a_response_that_is_too_old_is_forgotten(kind: str, tmp_path: Path) -> None:
    clock = Clock()

    async def work() -> None:
        bounds = Bounds(age_s=60)
        async with opened(kind, tmp_path, clock=clock, bounds=bounds) as store:
            await store.put(kept())
            clock.now = NOW + 60
            assert await store.get("resp_1") == kept()
            clock.now = NOW + 61
            assert await store.get("resp_1") is None

    run(work)


def test_memory_forgets_what_was_not_used_for_longest(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened("memory", tmp_path, bounds=Bounds(entries=2)) as store:
            await store.put(kept("resp_1"))
            await store.put(kept("resp_2"))
            await store.get("resp_1")
            await store.put(kept("resp_3"))
            there = [await store.get(f"resp_{n}") is not None for n in (1, 2, 3)]
            assert there == [True, False, True]

    run(work)


def test_none_keeps_nothing(tmp_path: Path) -> None:
    async def work() -> None:
        async with opened("none", tmp_path) as store:
            await store.put(kept())
            assert await store.get("resp_1") is None
            assert await store.delete("resp_1") is False

    run(work)


# --- files ----------------------------------------------------------------------------


def test_a_file_outlives_the_store_and_is_for_its_user_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.sqlite"

    async def work() -> None:
        async with opened(f"sqlite:{path}", tmp_path) as store:
            await store.put(kept())
            modes = {stat.S_IMODE(f.stat().st_mode) for f in path.parent.iterdir()}
            assert modes == {0o600}
        async with opened(f"sqlite:{path}", tmp_path) as store:
            assert await store.get("resp_1") == kept()

    run(work)


def test_a_file_knows_the_newest_response_with_an_item(tmp_path: Path) -> None:
    bounds = Bounds(entries=2)

    async def work() -> None:
        async with opened("sqlite", tmp_path, bounds=bounds) as store:
            await store.put(kept("resp_1", items=("msg_1", "msg_2")))
            await store.put(kept("resp_2", items=("msg_2",)))
            await store.put(kept("resp_2", items=("msg_2", "msg_3")))
        async with opened("sqlite", tmp_path, bounds=bounds) as store:
            names = ("msg_1", "msg_2", "msg_3")
            held = [await store.holder("me", name) for name in names]
            assert held == ["resp_1", "resp_2", "resp_2"]
            assert await store.holder("you", "msg_1") is None
            await store.put(kept("resp_3", items=("msg_4",)))
            assert await store.holder("me", "msg_1") is None  # too many: the oldest
            await store.delete("resp_2")
            assert await store.holder("me", "msg_2") is None
            assert await store.holder("me", "msg_4") == "resp_3"
        with sqlite3.connect(tmp_path / "responses.sqlite") as db:
            left = db.execute("SELECT owner, id FROM items").fetchall()
        assert left == [("me", "msg_4")]

    run(work)


def test_a_file_of_an_older_version_learns_items(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"

    async def work() -> None:
        async with opened("sqlite", tmp_path) as store:
            await store.put(kept())
        with sqlite3.connect(path) as db:  # as it was before
            db.executescript("DROP TRIGGER forget; DROP TABLE items;")
        async with opened("sqlite", tmp_path) as store:
            assert await store.get("resp_1") == kept()
            await store.put(kept("resp_2", items=("msg_1",)))
            assert await store.holder("me", "msg_1") == "resp_2"

    run(work)


@pytest.mark.parametrize("kind", ["memory", "redis", "none"])
def test_others_do_not_look_for_items(kind: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with opened(kind, tmp_path) as store:
            await store.put(kept(items=("msg_1",)))
            assert await store.holder("me", "msg_1") is None

    run(work)


def test_two_processes_share_a_file(tmp_path: Path) -> None:
    async def work() -> None:
        async with (
            opened("sqlite", tmp_path) as one,
            opened("sqlite", tmp_path) as other,
        ):
            await one.put(kept())
            assert await other.get("resp_1") == kept()
            assert await other.delete("resp_1") is True
            assert await one.get("resp_1") is None

    run(work)


def test_a_file_that_is_no_database_is_named_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    path.write_bytes(b"not a database, but long enough to look like one" * 100)
    before = path.read_bytes()
    with pytest.raises(StoreError) as raised:
        open_store("sqlite", folder=tmp_path, now=Clock())
    assert raised.value.report() == (
        f"cannot open the kept responses in {path}: file is not a database\n"
        "The file is damaged or no database: move it away, or name another file: "
        '`bridge.store = "sqlite:PATH"`.'
    )
    assert path.read_bytes() == before


def test_a_file_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="written by a newer version of codex-oss"):
        open_store("sqlite", folder=tmp_path, now=Clock())


def test_a_folder_in_the_files_place_is_named(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"
    path.mkdir()
    with pytest.raises(StoreError, match=f"kept responses in {path}: "):
        open_store("sqlite", folder=tmp_path, now=Clock())


def test_a_file_that_another_program_holds_is_an_error_and_then_works_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codex_oss.bridge.store.sqlite.BUSY_S", 0.05)

    async def work() -> None:
        async with opened("sqlite", tmp_path) as store:
            with contextlib.closing(
                sqlite3.connect(tmp_path / "responses.sqlite", isolation_level=None)
            ) as other:
                other.execute("BEGIN EXCLUSIVE")
                with pytest.raises(StoreError) as raised:
                    await store.put(kept())
                assert "database is locked" in str(raised.value)
                assert raised.value.hint.startswith("Another program holds the file")
                other.execute("ROLLBACK")
            await store.put(kept())
            assert await store.get("resp_1") == kept()

    run(work)


def test_a_full_disk_is_an_error_and_what_was_kept_is_still_read(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with opened("sqlite", tmp_path) as store:
            assert isinstance(store, SqliteStore)
            await store.put(kept())
            store._connection.execute("PRAGMA max_page_count = 10")
            with pytest.raises(StoreError) as raised:
                await store.put(kept("resp_2", response=b"x" * 200_000))
            assert str(raised.value) == (
                f"cannot write the kept responses in {tmp_path}/responses.sqlite: "
                "database or disk is full"
            )
            assert raised.value.hint.startswith("The disk is full")
            assert await store.get("resp_1") == kept()
            assert await store.get("resp_2") is None

    run(work)


def test_a_file_with_a_damaged_page_is_named(tmp_path: Path) -> None:
    path = tmp_path / "responses.sqlite"

    async def work() -> None:
        async with opened("sqlite", tmp_path) as store:
            for number in range(50):
                await store.put(kept(f"resp_{number}", response=b"x" * 3000))
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
        with pytest.raises(StoreError) as raised:
            async with opened("sqlite", tmp_path) as store:
                await store.get("resp_1")
        assert str(path) in str(raised.value)
        assert raised.value.hint.startswith("The file is damaged")

    run(work)


def test_a_client_that_leaves_does_not_stop_its_response_from_being_kept(
    tmp_path: Path,
) -> None:
    async def work() -> None:
        async with opened("sqlite", tmp_path) as store:
            put = asyncio.ensure_future(store.put(kept()))
            await asyncio.sleep(0)
            put.cancel()
            assert await store.get("resp_1") == kept()

    run(work)


# --- Redis ----------------------------------------------------------------------------


def test_an_entry_in_redis_ends_by_itself(tmp_path: Path) -> None:
    skip_without_redis()

    async def work() -> None:
        async with redis_server(str(tmp_path)) as url:
            store = open_store(
                url, folder=tmp_path, now=Clock(), bounds=Bounds(age_s=90)
            )
            await store.put(kept())
            async with import_module("redis.asyncio").from_url(url) as client:
                left = await client.ttl("codex-oss:response:resp_1")
                assert 0 < left <= 90
                await client.set("codex-oss:response:odd", b"\xc1")
            with pytest.raises(
                StoreError, match="cannot read `codex-oss:response:odd`"
            ):
                await store.get("odd")
            await store.close()

    run(work)


def test_a_redis_that_is_not_there_is_named_without_its_password(
    tmp_path: Path,
) -> None:
    skip_without_redis()

    async def work() -> None:
        async with opened("redis://:hush@127.0.0.1:1/0", tmp_path) as store:
            with pytest.raises(StoreError) as raised:
                await store.put(kept())
            said = raised.value.report()
            assert "redis://:********@127.0.0.1:1/0" in said
            assert "Start the Redis server" in said
            assert "hush" not in said

    run(work)


def test_a_wrong_password_is_an_error_that_does_not_show_it(tmp_path: Path) -> None:
    skip_without_redis()

    async def work() -> None:
        async with redis_server(str(tmp_path)) as url:
            wrong = url.replace("pass%20word", "hush")
            async with opened(wrong, tmp_path) as store:
                with pytest.raises(StoreError) as raised:
                    await store.get("resp_1")
                assert "hush" not in raised.value.report()

    run(work)


@pytest.mark.parametrize("spec", ["", "sqlit", "disk", "http://x", "memory:"])
def test_other_names_are_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no place to keep responses"):
        open_store(spec, folder=tmp_path, now=Clock())


def test_a_name_that_is_refused_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        open_store("mysql://u:hush@h/db", folder=tmp_path, now=Clock())
    assert "`mysql://u:********@h/db` is no place" in raised.value.report()


# --- histories ------------------------------------------------------------------------


def turn(number: int, asked: list[Item], answered: list[Item]) -> Kept:
    return kept(
        f"resp_{number}",
        input_items=encode(asked),
        response=encode({"id": f"resp_{number}", "output": answered}),
        previous_response_id=f"resp_{number - 1}" if number > 1 else None,
    )


def said(text: str) -> Message:
    return Message(role="assistant", content=[OutputText(text=text)])


TURNS = [
    turn(1, [user("one"), Unknown(b'{"type":"new"}')], [said("1")]),
    turn(2, [user("two")], []),
    turn(3, [user("three")], [said("3"), said("4")]),
]


async def filled() -> Store:
    store = open_store("memory", folder=Path(), now=Clock())
    for each in TURNS:
        await store.put(each)
    return store


def test_a_history_is_all_that_was_asked_and_answered_in_order() -> None:
    async def work() -> None:
        assert await history(await filled(), "resp_3", "me", 3) == [
            user("one"),
            Unknown(b'{"type":"new"}'),
            said("1"),
            user("two"),
            user("three"),
            said("3"),
            said("4"),
        ]

    run(work)


def test_a_history_with_a_missing_link_is_refused_in_openais_words() -> None:
    async def work() -> None:
        store = await filled()
        await store.delete("resp_1")
        with pytest.raises(PreviousNotFound) as raised:
            await history(store, "resp_3", "me", 9)
        assert str(raised.value) == "Previous response with id 'resp_1' not found."
        assert raised.value.code == "previous_response_not_found"
        assert raised.value.param == "previous_response_id"

    run(work)


def test_a_history_of_another_is_as_if_it_were_not_there() -> None:
    async def work() -> None:
        with pytest.raises(PreviousNotFound, match="'resp_3' not found"):
            await history(await filled(), "resp_3", "you", 9)

    run(work)


def test_a_history_that_is_too_long_is_refused() -> None:
    async def work() -> None:
        with pytest.raises(BadRequest, match="more than 2 responses"):
            await history(await filled(), "resp_3", "me", 2)

    run(work)
