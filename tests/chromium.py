"""A headless Chromium, driven over its debugging pipe; no library, no port.

Source: Chromium's ``--remote-debugging-pipe``: commands come in on descriptor 3,
answers and events go out on 4, each one JSON with a NUL behind it (the Chrome DevTools
Protocol 1.3).
"""

import asyncio
import base64
import os
import shutil
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
START_S = 100.0
"""For the browser's first answer; on a busy machine it takes seconds."""
WAIT_S = 60.0
"""For a page to become what a test waits for."""

_ON_3_AND_4 = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); "
    "os.set_inheritable(3, True); os.set_inheritable(4, True); "
    "os.execv(sys.argv[3], sys.argv[3:])"
)


def chromium() -> str | None:
    """Return the path of a Chromium, if this machine has one."""
    found = (shutil.which(name) for name in NAMES)
    return next((path for path in found if path), None)


class Page:
    """One tab. ``problems``: what its console and its errors said."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._session: str | None = None
        self.problems: list[str] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; fail if it fails."""
        answer = await self._answer(method, params)
        assert "error" not in answer, answer
        return answer["result"]

    async def _answer(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._number += 1
        command: dict[str, Any] = {
            "id": self._number,
            "method": method,
            "params": params,
        }
        if self._session:
            command["sessionId"] = self._session
        self._writer.write(msgspec.json.encode(command) + b"\0")
        await self._writer.drain()
        while True:
            raw = (await self._reader.readuntil(b"\0"))[:-1]
            answer: dict[str, Any] = msgspec.json.decode(raw)
            if answer.get("id") == self._number:
                return answer
            self._heard(answer)

    async def attach(self) -> None:
        """Open a tab and listen to it."""
        target = await self.call("Target.createTarget", url="about:blank")
        session = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        self._session = session["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.call(f"{domain}.enable")

    async def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Set the size of the window and the scheme of its colours."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression, or what it promises."""
        answer = await self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def _told(self, promise: str) -> bool:
        """Wait for what a script promises; tell whether the page stayed for it."""
        params = {"expression": promise, "awaitPromise": True, "returnByValue": True}
        answer = await self._answer("Runtime.evaluate", params)
        result = answer.get("result", {})
        assert "exceptionDetails" not in result, answer
        return "error" not in answer

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true, looked at with each change."""
        script = f"""new Promise((done) => {{
            const look = () => {{ let ok = false; try {{ ok = {condition}; }} catch {{}}
                ok ? done(true) : setTimeout(look, 20); }};
            look();
        }})"""
        try:
            async with asyncio.timeout(WAIT_S):
                # A page that goes takes with it what it was asked.
                while not await self._told(script):
                    pass
        except TimeoutError:
            raise AssertionError(f"never true: {condition}; {self.problems}") from None

    async def press(self, key: str) -> None:
        """Press a key where the focus is."""
        text = {"text": key} if len(key) == 1 else {}
        await self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def screenshot(self) -> bytes:
        """Return what the window shows as PNG."""
        answer = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(answer["data"])

    def _heard(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Log.entryAdded":
                self.problems.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.problems.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.problems.append(str(params["args"]))
            case _:
                pass


@asynccontextmanager
async def browser(program: str, home: Path) -> AsyncGenerator[Page, None]:
    """Start a browser that keeps its files in ``home``; yield a tab."""
    to_browser, ours_out = os.pipe()
    ours_in, from_browser = os.pipe()
    flags = (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--no-first-run", "--no-default-browser-check", "--disable-extensions",
        "--disable-background-networking", "--remote-debugging-pipe",
        f"--user-data-dir={home}",
    )  # fmt: skip
    argv = (sys.executable, "-c", _ON_3_AND_4, str(to_browser), str(from_browser))
    process = await asyncio.create_subprocess_exec(
        *argv,
        program,
        *flags,
        pass_fds=(to_browser, from_browser),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        env={**os.environ, "HOME": str(home)},
    )
    os.close(to_browser)
    os.close(from_browser)
    reader, writer, closers = await _streams(ours_in, ours_out)
    page = Page(reader, writer)
    try:
        async with asyncio.timeout(START_S):
            await page.attach()
        yield page
    finally:
        for close in closers:
            close.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _streams(
    read: int, write: int
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, list[asyncio.BaseTransport]]:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    inward, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read, "rb")
    )
    outward, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(write, "wb")
    )
    writer = asyncio.StreamWriter(outward, protocol, None, loop)
    return reader, writer, [inward, outward]
