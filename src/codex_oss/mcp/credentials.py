"""Logins to MCP servers, in the file that the Codex CLI keeps them in.

``$CODEX_HOME/.credentials.json`` is one object. Its keys are a server's name and a part
of a hash of its address; its values are written by Codex 0.169 as ``Login`` has them
(measured; the fields at the end of ``Login`` are ours, and Codex drops them). What we
do not know stays. Locks lie beside it, by the names that Codex uses.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from codex_oss.config.locked import take
from codex_oss.config.whole import write_whole
from codex_oss.errors import McpError
from codex_oss.wire.json_text import NOT_JSON

FILE = ".credentials.json"
LOCKS = "mcp-oauth-locks"
STORE_LOCK = "file-store.lock"
LOCK_S = 60.0
"""How long another process's refresh is waited for: it has a network to wait for."""
LOOK_S = 0.05
"""Between two looks at a lock."""


class Login(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a login has given. ``expires_at`` is in milliseconds since 1970."""

    server_name: str
    server_url: str
    client_id: str
    access_token: str
    issuer: str | None = None
    expires_at: int | None = None
    refresh_token: str | None = None
    scopes: list[str] = []
    client_secret: str | None = None
    token_endpoint_auth_method: str | None = None
    resource: str | None = None

    def expired(self, now: float, *, skew_s: float = 0.0) -> bool:
        """Return whether the access token is of no use ``skew_s`` after ``now``."""
        at = self.expires_at
        return at is not None and at <= (now + skew_s) * 1000

    def counts(self) -> bool:
        """Return whether it can be used, or renewed."""
        return self.refresh_token is not None or not self.expired(time.time())


class Credentials:
    """The file of one ``CODEX_HOME``."""

    def __init__(self, codex_home: Path) -> None:
        self._home = codex_home
        self.path = codex_home / FILE

    def find(self, name: str, url: str) -> Login | None:
        """Return the login to a server; raises ``McpError`` for a file that is none."""
        entry = self._read().get(store_key(name, url))
        if entry is None:
            return None
        try:
            return msgspec.convert(entry, Login)
        except msgspec.ValidationError as error:
            # The error names a field, never its value.
            raise self._broken(f"the login to {name}: {error}") from error

    def put(self, login: Login) -> None:
        """Keep a login; raises ``McpError``."""
        with self._locked() as entries:
            key = store_key(login.server_name, login.server_url)
            entries[key] = msgspec.to_builtins(login)
            self._write(entries)

    def drop(self, name: str, url: str) -> bool:
        """Forget a login; return whether there was one. Raises ``McpError``."""
        with self._locked() as entries:
            if entries.pop(store_key(name, url), None) is None:
                return False
            self._write(entries)
        return True

    @asynccontextmanager
    async def alone(self, name: str, url: str) -> AsyncGenerator[None, None]:
        """Keep other processes from this server's login; raises ``McpError``.

        A refresh token often counts once: who uses it alone must also keep what it got.
        """
        lock = f"{_sha256(store_key(name, url))}.lock"
        with self._open(lock) as fd:
            try:
                async with asyncio.timeout(LOCK_S):
                    while not _take(fd):  # noqa: ASYNC110  no event crosses processes
                        await asyncio.sleep(LOOK_S)
            except TimeoutError as error:
                where = self._home / LOCKS / lock
                raise McpError(
                    f"another process holds {where} since {LOCK_S:g} s",
                    hint="It renews the login to the same server; end it.",
                ) from error
            yield

    @contextmanager
    def _locked(self) -> Generator[dict[str, Any]]:
        with self._open(STORE_LOCK) as fd:
            try:
                take(fd)
            except OSError as error:
                raise McpError(f"cannot write {self.path}: {error.strerror}") from error
            yield self._read()

    @contextmanager
    def _open(self, lock: str) -> Generator[int]:
        folder = self._home / LOCKS
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = os.open(folder / lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise McpError(f"cannot write {folder / lock}: {error.strerror}") from error
        try:
            yield fd
        finally:
            os.close(fd)

    def _read(self) -> dict[str, Any]:
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise McpError(f"cannot read {self.path}: {error.strerror}") from error
        try:
            return msgspec.json.decode(data, type=dict[str, Any])
        except NOT_JSON as error:
            raise self._broken("it is not one JSON object") from error

    def _broken(self, why: str) -> McpError:
        return McpError(
            f"cannot read {self.path}: {why}", hint="Mend or remove the file."
        )

    def _write(self, entries: dict[str, Any]) -> None:
        """Replace the file, for its owner's eyes only, in one step."""
        try:
            data = msgspec.json.encode(entries)
            write_whole(self.path, data, mode=0o600, lasting=True)
        except OSError as error:
            raise McpError(f"cannot write {self.path}: {error.strerror}") from error


def store_key(name: str, url: str) -> str:
    """Return a server's key in the file."""
    place: dict[str, object] = {"type": "http", "url": url, "headers": {}}
    return f"{name}|{_sha256(msgspec.json.encode(place).decode())[:16]}"


def _sha256(text: str) -> str:
    import hashlib  # noqa: PLC0415  only where there are logins

    return hashlib.sha256(text.encode()).hexdigest()


def _take(fd: int) -> bool:
    import fcntl  # noqa: PLC0415  only where a login is renewed

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
