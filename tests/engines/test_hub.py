"""Downloads from a hub on loopback: whole, resumed, refused, damaged, shared."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from codex_oss.engines import hardware, hub, room
from codex_oss.engines.base import (
    Consent,
    EngineEvent,
    Looking,
    Options,
    Pulling,
    Question,
    Verifying,
)
from codex_oss.engines.sources import HfSource
from codex_oss.errors import DownloadError
from codex_oss.net import Client
from fake_server import FakeServer, Gate, Reply, Seen

LIMIT_S = 180
DATA = bytes(range(256)) * 40
SHA = hashlib.sha256(DATA).hexdigest()
FILE = "m-Q4_K_M.gguf"
TREE = "/api/models/o/r/tree/main"
RESOLVE = f"/o/r/resolve/main/{FILE}"
SOURCE = HfSource(repo="o/r")


def row(path: str, data: bytes = DATA, sha: str | None = None) -> dict[str, object]:
    oid = sha or hashlib.sha256(data).hexdigest()
    lfs = {"oid": oid, "size": len(data), "pointerSize": 134}
    return {"type": "file", "path": path, "size": len(data), "oid": "g", "lfs": lfs}


def ranged(seen: Seen) -> Reply:
    """Answer as a CDN that understands Range."""
    asked = seen.headers.get("range")
    if asked is None:
        return Reply(body=DATA)
    start = int(asked.removeprefix("bytes=").removesuffix("-"))
    total = len(DATA)
    headers = {"content-range": f"bytes {start}-{total - 1}/{total}"}
    return Reply(status=206, headers=headers, body=DATA[start:])


class Fetched:
    """What a download told, where it put the model, how long it would have slept."""

    def __init__(self, models: Path) -> None:
        self.models = models
        self.events: list[EngineEvent] = []
        self.path: Path | None = None
        self.slept: list[float] = []
        self.told: asyncio.Queue[EngineEvent] = asyncio.Queue()

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(
        self,
        server: FakeServer,
        source: HfSource = SOURCE,
        env: dict[str, str] | None = None,
        *,
        offline: bool = False,
        consent: Consent | None = None,
    ) -> None:
        client = Client(env or {})
        options = Options(
            models=self.models,
            logs=self.models,
            env={"HF_ENDPOINT": server.url, **(env or {})},
            offline=offline,
            consent=consent,
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                found = hub.Hub(client, options, self.sleep).fetch(source, "model")
                async for event in found:
                    if isinstance(event, Path):
                        self.path = event
                    else:
                        self.events.append(event)
                        self.told.put_nowait(event)
        finally:
            await client.close()


def fetch(
    tmp_path: Path,
    server: FakeServer,
    source: HfSource = SOURCE,
    env: dict[str, str] | None = None,
) -> Fetched:
    fetched = Fetched(tmp_path)
    asyncio.run(fetched.run(server, source, env))
    return fetched


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def serving(
    answer: Reply | Sequence[Reply], rows: list[dict[str, object]] | None = None
) -> FakeServer:
    """Return a hub whose file answers these replies in turn; the last repeats."""
    replies = [answer] if isinstance(answer, Reply) else list(answer)

    def next_reply(_seen: Seen) -> Reply:
        return replies.pop(0) if len(replies) > 1 else replies[0]

    tree = Reply(body=list(rows if rows is not None else [row(FILE)]))
    return FakeServer(get={TREE: tree, RESOLVE: next_reply})


def test_a_file_arrives_whole_under_its_own_name(tmp_path: Path) -> None:
    with serving(Reply(body=DATA)) as server:
        fetched = fetch(tmp_path, server)

    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}
    assert fetched.path == tmp_path / f"hf/o/r/{FILE}"
    place = server.url.removeprefix("http://")
    assert fetched.events[0] == Looking(f"model on {place}")
    pulls = [e for e in fetched.events if isinstance(e, Pulling)]
    assert (pulls[0].done, pulls[-1].done, pulls[-1].total) == (0, 10_240, 10_240)


def test_the_token_goes_to_the_hub_and_not_to_the_host_of_a_redirect(
    tmp_path: Path,
) -> None:
    with FakeServer(get={"/blob": Reply(body=DATA)}) as cdn:
        away = Reply(status=302, headers={"location": f"{cdn.url}/blob"})
        with serving(away) as server:
            fetch(tmp_path, server, env={"HF_TOKEN": "hf_secret"})

    sent = [seen.headers.get("authorization") for seen in server.requests]
    assert sent == ["Bearer hf_secret", "Bearer hf_secret"]
    assert [seen.headers.get("authorization") for seen in cdn.requests] == [None]
    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


def test_an_interrupted_download_goes_on_where_it_stopped(tmp_path: Path) -> None:
    left = tmp_path / f"hf/o/r/{FILE}.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(DATA[:3000])
    tree = Reply(body=[row(FILE)])
    with FakeServer(get={TREE: tree, RESOLVE: ranged}) as server:
        fetched = fetch(tmp_path, server)

    assert server.requests[-1].headers["range"] == "bytes=3000-"
    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}
    assert Verifying("model") in fetched.events
    assert Pulling("model", 3000, 10_240, 0.0) in fetched.events


@pytest.mark.parametrize(
    "answer",
    [
        Reply(body=DATA),
        Reply(status=206, headers={"content-range": "bytes 0-10239/10240"}, body=DATA),
    ],
    ids=["200", "206 from the start"],
)
def test_a_server_that_ignores_range_sends_the_file_anew(
    tmp_path: Path, answer: Reply
) -> None:
    left = tmp_path / f"hf/o/r/{FILE}.partial"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x" * 3000)
    with serving(answer) as server:
        fetch(tmp_path, server)

    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


def test_a_cut_is_mended_by_another_try(tmp_path: Path) -> None:
    tries = 0

    def cut_twice(seen: Seen) -> Reply:
        nonlocal tries
        tries += 1
        reply = ranged(seen)
        return Reply(
            status=reply.status, headers=reply.headers, body=reply.body, cut=tries < 3
        )

    tree = Reply(body=[row(FILE)])
    with FakeServer(get={TREE: tree, RESOLVE: cut_twice}) as server:
        fetched = fetch(tmp_path, server)

    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}
    ranges = [seen.headers.get("range") for seen in server.requests[1:]]
    assert ranges == [None, "bytes=5120-", "bytes=7680-"]
    assert fetched.slept == [1.0, 1.0]


def test_tries_that_bring_nothing_are_limited_and_what_came_is_kept(
    tmp_path: Path,
) -> None:
    fetched = Fetched(tmp_path)
    first = Reply(body=DATA, cut=True)
    with (
        serving([first, Reply(status=503)]) as server,
        pytest.raises(DownloadError, match=r"after 6 tries: .*has a fault") as caught,
    ):
        asyncio.run(fetched.run(server))

    assert fetched.slept == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert "run the same command again" in caught.value.hint
    assert files(tmp_path) == {f"hf/o/r/{FILE}.partial": DATA[:5120]}


def test_a_server_that_asks_to_slow_down_is_obeyed(tmp_path: Path) -> None:
    busy = Reply(status=429, headers={"retry-after": "7"})
    with serving([busy, Reply(body=DATA)]) as server:
        fetched = fetch(tmp_path, server)

    assert fetched.slept == [7.0]
    assert fetched.path is not None


def test_a_damaged_file_is_deleted_and_told(tmp_path: Path) -> None:
    with (
        serving(Reply(body=DATA[::-1])) as server,
        pytest.raises(DownloadError, match=f"SHA-256 is not {SHA}"),
    ):
        fetch(tmp_path, server)

    assert files(tmp_path) == {}


def test_bytes_beyond_the_files_size_are_not_written(tmp_path: Path) -> None:
    with serving(Reply(body=DATA + b"more")) as server:
        fetch(tmp_path, server)

    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


@pytest.mark.parametrize(
    ("status", "message", "hint"),
    [
        (401, "does not show o/r", "HF_TOKEN"),
        (403, "licence was not accepted", "Accept the terms at"),
        (404, "has no repository o/r", "Check the name and the revision"),
        (418, "answered 418", "HF_ENDPOINT"),
    ],
)
def test_each_refusal_says_what_it_means_and_what_to_do(
    tmp_path: Path, status: int, message: str, hint: str
) -> None:
    with (
        FakeServer(get={TREE: Reply(status=status)}) as server,
        pytest.raises(DownloadError, match=message) as caught,
    ):
        fetch(tmp_path, server)

    assert hint in caught.value.hint
    assert len(server.requests) == 1


def test_a_proxys_login_page_is_not_taken_for_a_list(tmp_path: Path) -> None:
    page = Reply(body="<html>log in</html>")
    with (
        FakeServer(get={TREE: page}) as server,
        pytest.raises(DownloadError, match="did not answer with a list"),
    ):
        fetch(tmp_path, server)


def test_all_parts_of_a_split_model_come_as_one_download(tmp_path: Path) -> None:
    names = [f"Q8/m-Q8_0-0000{n}-of-00002.gguf" for n in (1, 2)]
    parts = dict(zip(names, (DATA, DATA[::-1]), strict=True))
    get = {f"/o/r/resolve/main/{n}": Reply(body=data) for n, data in parts.items()}
    get[TREE] = Reply(body=[row(name, data) for name, data in parts.items()])
    with FakeServer(get=get) as server:
        fetched = fetch(tmp_path, server)

    assert files(tmp_path) == {f"hf/o/r/{n}": data for n, data in parts.items()}
    assert fetched.path == tmp_path / "hf/o/r" / names[0]
    pulls = [e for e in fetched.events if isinstance(e, Pulling)]
    assert (pulls[-1].done, pulls[-1].total) == (20_480, 20_480)
    assert [p.done for p in pulls] == sorted(p.done for p in pulls)


def test_a_long_list_of_files_is_read_page_by_page(tmp_path: Path) -> None:
    def page(seen: Seen) -> Reply:
        if "cursor" in seen.path:
            return Reply(body=[row(FILE)])
        link = f'<{server.url}{TREE}?cursor=2>; rel="next"'
        return Reply(body=[row("README.md")], headers={"link": link})

    server = FakeServer(get={TREE: page, RESOLVE: Reply(body=DATA)})
    with server:
        assert fetch(tmp_path, server).path == tmp_path / f"hf/o/r/{FILE}"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (HfSource(repo="o/r", quant="Q2_K"), "no Q2_K file"),
        (HfSource(repo="o/r", file="x.gguf"), "no x.gguf file"),
    ],
)
def test_what_a_repository_lacks_is_told_with_what_it_has(
    tmp_path: Path, source: HfSource, reason: str
) -> None:
    with (
        serving(Reply(body=DATA)) as server,
        pytest.raises(DownloadError, match=reason) as caught,
    ):
        fetch(tmp_path, server, source)

    assert FILE in caught.value.hint


def test_a_path_that_leaves_the_directory_is_not_used(tmp_path: Path) -> None:
    with (
        serving(Reply(body=DATA), [row("../../evil-Q4_K_M.gguf")]) as server,
        pytest.raises(DownloadError, match=r"no \.gguf file"),
    ):
        fetch(tmp_path / "models", server)


@pytest.mark.parametrize("env", [{"HF_HUB_OFFLINE": "1"}, {}])
def test_offline_means_no_request(tmp_path: Path, env: dict[str, str]) -> None:
    fetched = Fetched(tmp_path)
    with (
        serving(Reply(body=DATA)) as server,
        pytest.raises(DownloadError, match="switched off"),
    ):
        asyncio.run(fetched.run(server, SOURCE, env, offline=not env))

    assert server.requests == []


def test_a_disk_without_room_is_told_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def little(_directory: Path) -> int:
        return 10_000

    monkeypatch.setattr(hardware, "free_disk", little)
    with (
        serving(Reply(body=DATA)) as server,
        pytest.raises(DownloadError, match="has 0 MB free") as caught,
    ):
        fetch(tmp_path, server)

    assert "engine.models_dir" in caught.value.hint
    assert len(server.requests) == 1
    assert files(tmp_path) == {}


def test_two_that_want_the_same_file_share_one_download(tmp_path: Path) -> None:
    gate = Gate()
    tree = Reply(body=[row(FILE)])
    body = Reply(chunks=[DATA[:4000], gate, DATA[4000:]])
    first, second = Fetched(tmp_path), Fetched(tmp_path)

    async def both(server: FakeServer) -> None:
        one = asyncio.create_task(first.run(server))
        await asyncio.to_thread(gate.wait_reached)
        two = asyncio.create_task(second.run(server))
        await second.told.get()
        await second.told.get()  # it waits
        gate.open()
        await asyncio.gather(one, two)

    with FakeServer(get={TREE: tree, RESOLVE: body}) as server:
        asyncio.run(both(server))

    asked = [seen.path for seen in server.requests].count(RESOLVE)
    assert asked == 1
    assert "another process is downloading it" in str(second.events[1])
    assert first.path == second.path
    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


def is_begun(event: EngineEvent) -> bool:
    """Tell whether bytes were written; one event is sent for the first of them."""
    return isinstance(event, Pulling) and event.done > 0


def test_a_cancelled_download_keeps_its_bytes_and_lets_go_of_the_lock(
    tmp_path: Path,
) -> None:
    gate = Gate()
    tree = Reply(body=[row(FILE)])
    replies = [Reply(chunks=[DATA[:4000], gate, DATA[4000:]])]

    def answer(seen: Seen) -> Reply:
        return replies.pop() if replies else ranged(seen)

    async def cancel_then_again(server: FakeServer) -> None:
        first = Fetched(tmp_path)
        task = asyncio.create_task(first.run(server))
        while not is_begun(await first.told.get()):
            pass
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        gate.open()
        await Fetched(tmp_path).run(server)

    with FakeServer(get={TREE: tree, RESOLVE: answer}) as server:
        asyncio.run(cancel_then_again(server))

    assert server.requests[-1].headers["range"] == "bytes=4000-"
    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


# --- who is asked, and what cannot be reached ----------------------------------------


class Person:
    def __init__(self, *, yes: bool) -> None:
        self._yes = yes
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> bool:
        self.asked.append(question)
        return self._yes


def test_a_large_model_is_asked_about_before_its_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "UNASKED", 1000)
    person, fetched = Person(yes=False), Fetched(tmp_path)
    with (
        serving(Reply(body=DATA)) as server,
        pytest.raises(DownloadError, match="model was not downloaded"),
    ):
        asyncio.run(fetched.run(server, consent=person))

    assert [seen.path for seen in server.requests] == [f"{TREE}?recursive=true"]
    (asked,) = person.asked
    assert (asked.kind, asked.command) == ("pull", "codex-oss models pull model")
    assert files(tmp_path) == {}


def test_what_came_before_is_not_asked_about_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "UNASKED", 1000)
    directory = tmp_path / "hf/o/r"
    directory.mkdir(parents=True)
    (directory / f"{FILE}.partial").write_bytes(DATA[:-1000])
    person, fetched = Person(yes=False), Fetched(tmp_path)
    with FakeServer(get={TREE: Reply(body=[row(FILE)]), RESOLVE: ranged}) as server:
        asyncio.run(fetched.run(server, consent=person))
    assert person.asked == []
    assert files(tmp_path) == {f"hf/o/r/{FILE}": DATA}


def test_a_hub_that_was_never_reached_is_told_at_once(tmp_path: Path) -> None:
    with FakeServer() as server:
        pass  # nobody listens any more
    fetched = Fetched(tmp_path)
    with pytest.raises(DownloadError, match="failed after 2 tries: cannot connect"):
        asyncio.run(fetched.run(server))
    assert fetched.slept == [1.0]


def test_a_proxy_that_wants_a_login_says_how(tmp_path: Path) -> None:
    tree = Reply(status=407)
    with (
        FakeServer(get={TREE: tree}) as server,
        pytest.raises(DownloadError, match="wants a login") as caught,
    ):
        fetch(tmp_path, server)
    assert "USER:PASSWORD" in caught.value.hint
