"""An Ollama server of our own: an installed ``ollama``, on a port that nobody else has.

It differs from the one that a person starts: it listens on loopback only, keeps models
in a folder of ours, knows no cloud, and ends with us, also when we are killed
(``process``). What people have set for Ollama otherwise, such as flash attention or the
graphics card, holds for it too.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from codex_oss import process
from codex_oss.engines.base import Options, Question
from codex_oss.engines.log import Log
from codex_oss.engines.ollama.api import Api
from codex_oss.engines.ollama.orphans import keep
from codex_oss.errors import EngineError, ModelError
from codex_oss.net import Client

START_S = 60.0
"""Until it listens: it looks for graphics cards before."""
END_S = 10.0
"""For it and its runners to end, before they are killed."""
ANY_PORT = "127.0.0.1:0"
LISTENING, VERSION = b"Listening on ", b" "
"""What stands before and behind its address, in ``Listening on 127.0.0.1:PORT (version
V)``: the system chooses a port that nobody else has. Source: Ollama 0.5 to 0.33."""


class Private:
    """One server. ``root`` is its URL while it runs, else empty."""

    def __init__(self, program: Path, store: Path, options: Options) -> None:
        self.root = ""
        self.store = store
        self._program = program
        self._options = options
        self._child: process.Child | None = None
        self._log: Log | None = None
        self._kept: Path | None = None
        self._place = ANY_PORT
        self._default_context = 0

    @property
    def log(self) -> Path | None:
        """What it says; None where no file could be written, or before its start."""
        return self._log.path if self._log else None

    @property
    def child(self) -> process.Child:
        """Its process, once it has been started."""
        assert self._child is not None, "it was started"
        return self._child

    def question(self) -> Question:
        """Return what a person is asked before it is started."""
        command = f"OLLAMA_MODELS={_quoted(self.store)} {_quoted(self._program)} serve"
        return Question(
            kind="start",
            what="Ollama",
            facts=(
                ("program", str(self._program)),
                ("listens on", "127.0.0.1 only, on a port that is free"),
                ("models", str(self.store)),
                ("ends", "with codex-oss"),
            ),
            command=command,
        )

    async def start(self, client: Client, *, default_context: int) -> str:
        """Start it and return its URL; nothing runs when this fails.

        ``default_context`` is for clients that ask for none, in tokens. Raises
        ``errors.EngineError``.
        """
        try:
            self._default_context = default_context
            root = await self._serve(default_context)
            await Api(client, root).version()
        except ModelError as error:
            await self.stop(grace_s=0)
            raise EngineError(
                f"The Ollama that was started does not answer: {error}",
                hint="If a proxy is set, add 127.0.0.1 to NO_PROXY.",
            ) from error
        except OSError as error:
            await self.stop(grace_s=0)
            what = error.filename or self._program
            raise EngineError(
                f"Cannot start Ollama: {what}: {error.strerror or error}"
            ) from error
        except BaseException:
            await self.stop(grace_s=0)
            raise
        self.root = root
        self._place = root.removeprefix("http://")
        return root

    async def again(self, client: Client) -> process.Child:
        """Start it once more after its end, at the same place; raises as ``start``."""
        await self.stop(grace_s=0)
        await self.start(client, default_context=self._default_context)
        return self.child

    async def stop(self, *, grace_s: float = END_S) -> None:
        """End it and all that it has started."""
        child, self._child, self.root = self._child, None, ""
        try:
            if child is not None:
                await child.kill(grace_s)
        finally:
            kept, self._kept = self._kept, None
            if kept is not None:
                kept.unlink(missing_ok=True)
            if self._log is not None:
                self._log.close()

    async def _serve(self, default_context: int) -> str:
        """Start the program and return where it listens."""
        self._log = log = Log(
            self._options.logs,
            "ollama",
            mark=LISTENING,
            end=VERSION,
            after=self._log.path if self._log else None,
        )
        self.store.mkdir(parents=True, exist_ok=True)
        self._child = child = await process.start(
            [str(self._program), "serve"],
            cwd=Path("/"),
            env=environment(self._options.env, self.store, default_context)
            | {"OLLAMA_HOST": self._place},
            on_output=log.feed,
        )
        self._kept = keep(state(self._options), child.pid)
        return f"http://{await self._listening(child, log)}"

    async def _listening(self, child: process.Child, log: Log) -> str:
        """Wait until it has told its address, and return that."""
        ended = asyncio.ensure_future(child.wait())
        try:
            await asyncio.wait(
                (ended, log.word),
                timeout=START_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if log.word.done():
                return log.word.result().decode("ascii", "replace")
            said, where = (
                _reason(log.text()),
                f"Its log: {log.path}" if log.path else "",
            )
            if ended.done():
                raise EngineError(
                    f"Ollama ended with code {ended.result()} before it served"
                    + (f": {said}" if said else ""),
                    hint=where,
                )
            raise EngineError(
                f"Ollama does not listen after {START_S:.0f} seconds", hint=where
            )
        finally:
            ended.cancel()


def environment(
    env: Mapping[str, str], store: Path, default_context: int
) -> dict[str, str]:
    """Return the environment of such a server.

    Unused layers and halves of downloads are not pruned: another server of ours may be
    at work in the same folder, and a download shall go on where it ended.
    """
    return {
        **env,
        "OLLAMA_HOST": ANY_PORT,
        "OLLAMA_MODELS": str(store),
        "OLLAMA_CONTEXT_LENGTH": str(default_context),
        "OLLAMA_NO_CLOUD": "1",
        "OLLAMA_NOPRUNE": "1",
    }


def _reason(text: str) -> str:
    """Return the last line that says what went wrong, else the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    bad = [line for line in lines if line.lower().startswith(("error", "panic"))]
    return (bad or lines or [""])[-1].removeprefix("Error: ")


def state(options: Options) -> Path:
    """Return the folder that says which servers run."""
    return options.logs.with_name("ollama")


def _quoted(path: Path) -> str:
    import shlex  # noqa: PLC0415  only who is asked needs it

    return shlex.quote(str(path))
