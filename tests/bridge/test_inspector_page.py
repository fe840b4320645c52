"""The inspector's page in a real browser."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from chromium import Page, browser, chromium
from codex_oss import facts
from codex_oss.bridge.guard import Guard
from codex_oss.bridge.inspector import Inspector
from codex_oss.bridge.ledger import Entry, Ledger
from codex_oss.net.server import Limits, Listener
from codex_oss.wire.responses import InputTokensDetails, Usage

PROGRAM = chromium()
pytestmark = pytest.mark.skipif(
    PROGRAM is None, reason="no chromium here (Debian: apt-get install chromium)"
)
HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=2>"
KEY = "open-sesame"


class Ticks:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def _event(kind: str, **fields: object) -> bytes:
    data = msgspec.json.encode({"type": kind, **fields})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), data)


def _body(*texts: str) -> bytes:
    roles = ("system", "user", "assistant", "user", "assistant", "user")
    messages = [
        {"role": role, "content": text}
        for role, text in zip(roles, texts, strict=False)
    ]
    tool = {"type": "function", "function": {"name": "exec_command"}}
    return msgspec.json.encode({"model": "m", "tools": [tool], "messages": messages})


def _open(ledger: Ledger, model: str = "qwen3-coder:30b", *texts: str) -> Entry:
    body = _body("You are a coding agent." * 60, *(texts or ("list the files",)))
    entry = ledger.open(
        client="codex_exec", route="POST /v1/responses", model=model, came=body * 1
    )
    entry.note(facts.Slimmed(tokens_before=8414, tokens_after=1702))
    entry.note(facts.Sent(url="http://127.0.0.1:11434/v1/chat/completions", body=body))
    return entry


def _finish(entry: Entry, cached: int = 1600, output: int = 120) -> None:
    details = InputTokensDetails(cached_tokens=cached)
    usage = Usage(input_tokens=1702, input_tokens_details=details, output_tokens=output)
    entry.end(status=200, outcome="completed", usage=usage)


@asynccontextmanager
async def _served(
    ledger: Ledger, port: int = 0, key: str = ""
) -> AsyncGenerator[int, None]:
    """Serve the inspector of a ledger; yield its port."""
    listener = Listener("127.0.0.1", port, Limits())
    inspector = Inspector(ledger, Guard(key=key, loopback=True))
    server = asyncio.create_task(listener.serve(inspector.handle))
    try:
        yield listener.port
    finally:
        await listener.close(0)
        await server


def _run(
    tmp_path: Path,
    ledger: Ledger,
    script: Callable[[Page, str], Awaitable[None]],
    key: str = "",
) -> None:
    async def main() -> None:
        assert PROGRAM is not None
        async with (
            asyncio.timeout(250),
            _served(ledger, key=key) as port,
            browser(PROGRAM, tmp_path / "home") as page,
        ):
            await page.look(1360, 860)
            await script(page, f"http://127.0.0.1:{port}/__inspect")

    asyncio.run(main())


async def _goto(page: Page, url: str) -> None:
    await page.call("Page.navigate", url=url)
    await page.until("document.querySelector('#link.live') !== null")


ROWS = "document.querySelectorAll('#rows tr').length"


def test_the_list_and_the_stream_follow_a_request(tmp_path: Path) -> None:
    clock = Ticks()
    ledger = Ledger(clock=clock)

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        await page.until("!document.querySelector('#empty').hidden")
        entry = _open(ledger)
        await page.until(f"{ROWS} === 1 && document.querySelector('.dot.waiting')")
        clock.seconds = 0.21
        entry.first()
        delta = "response.output_text.delta"
        entry.wrote(_event(delta, item_id="m1", delta="Hello "))
        panel = "document.querySelector('#panel-stream .block.text pre').textContent"
        await page.until(f"{panel} === 'Hello '")
        await page.until("document.querySelector('.dot.streaming') !== null")
        entry.wrote(_event(delta, item_id="m1", delta="world"))
        await page.until(f"{panel} === 'Hello world'")
        clock.seconds = 2.0
        _finish(entry)
        await page.until("document.querySelector('#head .pill').textContent === 'done'")
        await page.until("!document.querySelector('#panel-stream.live')")
        cards = await page.ask(
            "[...document.querySelectorAll('.card strong')].map((n) => n.textContent)"
        )
        assert cards == ["6,71280 %", "94 %", "\u2013", "0.21 s"]
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_a_page_tells_how_far_a_prompt_is_read(tmp_path: Path) -> None:
    clock = Ticks()
    ledger = Ledger(clock=clock)
    entry = _open(ledger)
    pill = "document.querySelector('#head .pill').textContent"
    row = "document.querySelector('#rows em').textContent.trim()"

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        await page.until(f"{pill} === 'waiting'")
        entry.note(facts.Reading(processed=900, total=2000, cached=0))
        await page.until(f"{pill} === 'reading 45 %'")
        await page.until(f"{row} === 'reading 45 %'")
        entry.note(facts.Reading(processed=2000, total=2000, cached=0))
        await page.until(f"{pill} === 'reading 100 %'")
        clock.seconds = 1.0
        entry.first()
        await page.until(f"{pill} === 'streaming'")
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_hostile_text_stays_text_everywhere(tmp_path: Path) -> None:
    ledger = Ledger()
    entry = _open(ledger, HOSTILE, HOSTILE)
    entry.note(facts.Mended(what="name", was=HOSTILE, now=HOSTILE))
    entry.note(facts.Retried(reason=HOSTILE))
    entry.first()
    for kind in ("output_text", "reasoning_text", "function_call_arguments"):
        entry.wrote(_event(f"response.{kind}.delta", item_id=HOSTILE, delta=HOSTILE))
    entry.wrote(
        _event(
            "response.output_item.done",
            item={"type": "function_call", "name": HOSTILE, "arguments": HOSTILE},
        )
    )
    entry.wrote(b"data: " + HOSTILE.encode() + b"\n\n")
    entry.end(status=400, outcome="failed", error=HOSTILE)

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        await page.until("document.querySelectorAll('#panel-stream .block').length > 3")
        for name in ("came", "sent", "mended", "stream", "errors"):
            await page.ask(f"document.querySelector('#tab-{name}').click()")
            shown = await page.ask(
                f"document.querySelector('#panel-{name}').textContent"
            )
            assert "<script>window.hacked=1</script>" in shown, name
        assert (
            await page.ask("document.querySelectorAll('img, body script').length") == 0
        )
        assert await page.ask("window.hacked === undefined")
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_an_answer_that_is_no_stream_is_shown_as_a_tree(tmp_path: Path) -> None:
    ledger = Ledger()
    entry = _open(ledger)
    entry.first()
    entry.wrote(b'{"object":"response","output":[{"type":"message"}]}')
    _finish(entry)

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        tree = "document.querySelector('#panel-stream .json')"
        await page.until(f"{tree} !== null")
        assert await page.ask(f"{tree}.querySelector('.k').textContent") == "object"
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_a_long_stream_is_fetched_once_and_not_with_every_piece(tmp_path: Path) -> None:
    ledger = Ledger()
    entry = _open(ledger)
    entry.first()

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        await page.until("document.querySelectorAll('.card').length === 4")
        for number in range(5):
            delta = _event("response.output_text.delta", item_id="m", delta=f"{number}")
            entry.wrote(delta)
            shown = (
                "document.querySelector('#panel-stream .block.text pre').textContent"
            )
            await page.until(f"{shown}.endsWith('{number}')")
        fetched = """performance.getEntriesByType('resource')
            .filter((each) => each.name.includes('/entry/')).length"""
        assert await page.ask(fetched) <= 2
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_a_page_finds_the_bridge_again_after_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        assert PROGRAM is not None
        old, new = Ledger(wall=lambda: 1.0), Ledger(wall=lambda: 2.0)
        _finish(_open(old, "old-1"))
        _finish(_open(old, "old-2"))
        _finish(_open(new, "new-1"))
        names = (
            "[...document.querySelectorAll('#rows b.dot')].map((b) => b.textContent)"
        )
        async with asyncio.timeout(250), browser(PROGRAM, tmp_path / "home") as page:
            async with _served(old) as port:
                await _goto(page, f"http://127.0.0.1:{port}/__inspect")
                await page.until(f"String({names}) === 'old-2,old-1'")
            await page.until("!document.querySelector('#link.live')")
            async with _served(new, port):
                await page.until(f"String({names}) === 'new-1'")
                head = "document.querySelector('#head h2').textContent"
                await page.until(f"{head} === 'new-1'")

    asyncio.run(main())


def test_a_storm_of_requests_leaves_the_last_ones(tmp_path: Path) -> None:
    ledger = Ledger(max_entries=50)

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        for number in range(300):
            entry = _open(ledger, f"m-{number}")
            entry.first()
            entry.wrote(_event("response.output_text.delta", item_id="m", delta="x"))
            if number % 10 == 0:
                await page.ask("1")  # the browser works meanwhile
            _finish(entry)
        head = "document.querySelector('#head h2').textContent"
        await page.until(f"{head} === 'm-299' && {ROWS} === 50")
        await page.until("document.querySelector('#panel-stream .block.text') !== null")
        assert [p for p in page.problems if "404" not in p] == []

    _run(tmp_path, ledger, script)


def test_keys_choose_requests_and_tabs(tmp_path: Path) -> None:
    ledger = Ledger()
    for number in range(3):
        entry = _open(ledger, f"model-{number}", *(["more"] * (number + 1)))
        if number == 1:
            entry.note(facts.Mended(what="name", was="shell", now="exec_command"))
        _finish(entry)

    async def script(page: Page, url: str) -> None:
        await _goto(page, url)
        head = "document.querySelector('#head h2').textContent"
        await page.until(f"{head} === 'model-2'")
        await page.press("ArrowDown")
        await page.until(f"{head} === 'model-1'")
        assert await page.ask("document.querySelector('#follow').checked") is False
        await page.press("3")
        await page.until(
            "document.querySelector('#panel-mended .two pre').textContent === 'shell'"
        )
        assert await page.ask("document.activeElement.id") == "tab-mended"
        await page.press("ArrowRight")
        assert await page.ask("document.activeElement.id") == "tab-stream"
        await page.press("/")
        await page.call("Input.insertText", text="model-0")
        await page.until(
            "document.querySelectorAll('#rows tr:not([hidden])').length === 1"
        )
        assert page.problems == []

    _run(tmp_path, ledger, script)


def test_a_key_in_the_address_opens_the_page_once_and_for_all(tmp_path: Path) -> None:
    ledger = Ledger()
    _finish(_open(ledger))

    async def script(page: Page, url: str) -> None:
        await page.call("Page.navigate", url=url)
        await page.until("document.body.textContent.includes('?key=KEY')")
        page.problems.clear()  # the browser says that it got a 401
        await _goto(page, f"{url}?key={KEY}")
        await page.until(f"{ROWS} === 1")
        assert await page.ask("location.search") == ""
        assert await page.ask("document.cookie") == ""
        await page.until("document.querySelector('#head h2') !== null")
        assert page.problems == []

    _run(tmp_path, ledger, script, key=KEY)


@pytest.mark.parametrize(
    ("width", "dark"), [(1000, False), (1360, False), (1600, True)]
)
def test_nothing_is_cut_off_at_usual_sizes(
    tmp_path: Path, width: int, *, dark: bool
) -> None:
    clock = Ticks()
    ledger = Ledger(clock=clock, wall=lambda: 1_795_000_000 + clock.seconds)
    _busy_day(ledger, clock)
    shots: list[bytes] = []

    async def script(page: Page, url: str) -> None:
        await page.look(width, 860, dark=dark)
        await _goto(page, url)
        await page.until("document.querySelectorAll('.card').length === 4")
        await page.until("document.querySelector('#panel-stream .block.call') !== null")
        wide = "document.documentElement.scrollWidth"
        assert await page.ask(wide) == width
        over = """[...document.querySelectorAll('.card, .tabs, .top, #rows td.n')]
            .filter((each) => each.scrollWidth > each.clientWidth + 1)
            .map((each) => each.textContent)"""
        assert await page.ask(over) == []
        shots.append(await page.screenshot())
        assert page.problems == []

    _run(tmp_path, ledger, script)
    (tmp_path / "page.png").write_bytes(shots[0])  # for people who look


def _busy_day(ledger: Ledger, clock: Ticks) -> None:
    """Fill a ledger with requests of every kind; the last one streams."""
    texts: list[str] = []
    for number in range(6):
        texts.append(f"turn {number}")
        entry = _open(ledger, "qwen3-coder:30b", *texts)
        if number % 2:
            was, now = '{"command": ["ls", "-la"]}', '{"cmd": "ls -la"}'
            entry.note(facts.Mended(what="name", was="shell", now="exec_command"))
            entry.note(facts.Mended(what="arguments", was=was, now=now))
        clock.seconds += 0.2 + number / 20
        entry.first()
        delta = "response.output_text.delta"
        entry.wrote(_event(delta, item_id="m", delta="Here they are."))
        clock.seconds += 3.1
        _finish(entry, cached=1100 + 100 * number)
    bad = ledger.open(
        client="openai-python", route="POST /v1/responses", model="gpt-5", came=b"{}"
    )
    error = "The model `gpt-5` is not there. Pull it: ollama pull gpt-5"
    bad.end(status=400, outcome="refused", error=error)
    cut = _open(ledger, "gemma3:270m")
    cut.note(facts.Retried(reason="the stream was cut", delay_s=0.5))
    cut.note(facts.Truncated(tokens_sent=9000, tokens_read=4096))
    cut.note(facts.Remark("Ollama gives gemma3:270m 4096 tokens of context."))
    clock.seconds += 1
    cut.end(status=200, outcome="gone")
    _stream(_open(ledger, "qwen3-coder:30b", *texts, "now fix the test"), clock)


def _stream(entry: Entry, clock: Ticks) -> None:
    entry.note(facts.Mended(what="name", was="bash", now="exec_command"))
    clock.seconds += 0.34
    entry.first()
    thought = "The test fails since the clock is not injected. I look at it first."
    entry.wrote(_event("response.reasoning_text.delta", item_id="r", delta=thought))
    said = "I run the failing test to see what it says:"
    entry.wrote(_event("response.output_text.delta", item_id="m", delta=said))
    call = {"type": "function_call", "id": "c", "name": "exec_command"}
    entry.wrote(_event("response.output_item.added", item=call))
    arguments = '{"cmd": "pytest -q tests/test_clock.py", "yield_time_ms": 10000}'
    for at in range(0, len(arguments), 4):
        entry.wrote(
            _event(
                "response.function_call_arguments.delta",
                item_id="c",
                delta=arguments[at : at + 4],
            )
        )
    clock.seconds += 1.9
