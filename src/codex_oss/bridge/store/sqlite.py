"""Responses in a SQLite file: they outlive the process.

One thread owns the connection, so that the event loop never waits for the disk.
Several processes may use one file.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from codex_oss.bridge.store.base import Bounds, Kept
from codex_oss.errors import StoreError

BUSY_S = 3.0
"""How long another process may hold the file."""

_VERSION = 1
_SCHEMA = """
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE IF NOT EXISTS responses (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        created_at INTEGER NOT NULL,
        owner TEXT NOT NULL,
        previous TEXT,
        size INTEGER NOT NULL,
        response BLOB NOT NULL,
        input BLOB NOT NULL
    );
    CREATE INDEX IF NOT EXISTS sizes ON responses (size);
    CREATE INDEX IF NOT EXISTS times ON responses (created_at);
    CREATE TABLE IF NOT EXISTS items (
        owner TEXT NOT NULL,
        id TEXT NOT NULL,
        number INTEGER NOT NULL,
        PRIMARY KEY (owner, id)
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS holders ON items (number);
    CREATE TRIGGER IF NOT EXISTS forget AFTER DELETE ON responses
        BEGIN DELETE FROM items WHERE number = OLD.number; END;
    PRAGMA recursive_triggers = ON;
    PRAGMA user_version = 1;
"""
_PUT = """
    INSERT OR REPLACE INTO responses
        (id, created_at, owner, previous, size, response, input)
        VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_GET = """
    SELECT id, created_at, owner, previous, response, input FROM responses
        WHERE id = ? AND created_at >= ?
"""
_NAME = "INSERT OR REPLACE INTO items (owner, id, number) VALUES (?, ?, ?)"
_HOLDER = """
    SELECT responses.id FROM items JOIN responses USING (number)
        WHERE items.owner = ? AND items.id = ?
"""
_EXPIRE = "DELETE FROM responses WHERE created_at < ?"
_TOTAL = "SELECT count(*), total(size) FROM responses"
_OLDEST = "SELECT number, size FROM responses ORDER BY number LIMIT 1"
_FORGET = "DELETE FROM responses WHERE number = ?"
_DELETE = "DELETE FROM responses WHERE id = ?"

_ELSEWHERE = 'name another file: `bridge.store = "sqlite:PATH"`'

T = TypeVar("T")


class SqliteStore:
    """Keeps the newest responses in a file; ``now``: seconds since the epoch.

    Raises ``StoreError`` when the file cannot be opened, is no database, or is one of
    a newer version.
    """

    def __init__(self, path: Path, bounds: Bounds, now: Callable[[], float]) -> None:
        self._path = path
        self._bounds = bounds
        self._now = now
        try:
            self._connection = _connect(path)
        except (sqlite3.Error, OSError) as error:
            raise self._fault("open", error) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")

    async def put(self, kept: Kept) -> None:
        """Keep a response; forget the oldest."""
        await self._do("write", lambda: self._put(kept))

    async def get(self, response_id: str) -> Kept | None:
        """Return a response that is not too old."""
        return await self._do("read", lambda: self._get(response_id))

    async def holder(self, owner: str, item_id: str) -> str | None:
        """Return the newest response that has an item."""
        return await self._do("read", lambda: self._holder(owner, item_id))

    async def delete(self, response_id: str) -> bool:
        """Forget a response."""
        return await self._do("write", lambda: self._delete(response_id))

    async def close(self) -> None:
        """Close the file, after all that was asked for is done."""
        await self._do("close", self._connection.close)
        self._thread.shutdown()

    # --- in the thread ---------------------------------------------------------------

    def _put(self, kept: Kept) -> None:
        row = (
            kept.id,
            kept.created_at,
            kept.owner,
            kept.previous_response_id,
            kept.size,
            kept.response,
            kept.input_items,
        )
        with self._connection as db:
            db.execute("BEGIN IMMEDIATE")
            number = db.execute(_PUT, row).lastrowid
            names = [(kept.owner, name, number) for name in kept.items]
            db.executemany(_NAME, names)
            db.execute(_EXPIRE, (self._oldest_time(),))
            entries, size = db.execute(_TOTAL).fetchone()
            while entries > self._bounds.entries or size > self._bounds.size:
                number, freed = db.execute(_OLDEST).fetchone()
                db.execute(_FORGET, (number,))
                entries, size = entries - 1, size - freed

    def _get(self, response_id: str) -> Kept | None:
        row = self._connection.execute(
            _GET, (response_id, self._oldest_time())
        ).fetchone()
        if row is None:
            return None
        kept_id, created_at, owner, previous, response, items = row
        return Kept(
            id=kept_id,
            created_at=created_at,
            owner=owner,
            response=response,
            input_items=items,
            previous_response_id=previous,
        )

    def _holder(self, owner: str, item_id: str) -> str | None:
        row = self._connection.execute(_HOLDER, (owner, item_id)).fetchone()
        return None if row is None else row[0]

    def _delete(self, response_id: str) -> bool:
        with self._connection as db:
            return db.execute(_DELETE, (response_id,)).rowcount > 0

    def _oldest_time(self) -> int:
        return int(self._now()) - self._bounds.age_s

    # --- between the threads ---------------------------------------------------------

    async def _do(self, what: str, work: Callable[[], T]) -> T:
        """Run ``work`` in the thread; it ends there even if nobody waits for it."""
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, work)
        except sqlite3.Error as error:
            raise self._fault(what, error) from error

    def _fault(self, what: str, error: Exception) -> StoreError:
        reason = getattr(error, "strerror", None) or str(error)
        return StoreError(
            f"cannot {what} the kept responses in {self._path}: {reason}",
            hint=_hint(error),
        )


def _connect(path: Path) -> sqlite3.Connection:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(mode=0o600)
    path.chmod(0o600)  # SQLite gives its other files the same mode
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        _check_version(connection, path)
        connection.executescript(_SCHEMA)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > _VERSION:
        raise StoreError(
            f"{path} was written by a newer version of codex-oss",
            hint=f"Update codex-oss, or {_ELSEWHERE}.",
        )


def _hint(error: Exception) -> str:
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return f"Another program holds the file: end it, or {_ELSEWHERE}."
        case sqlite3.SQLITE_FULL:
            return f"The disk is full: free some space, or {_ELSEWHERE}."
        case sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_CORRUPT:
            return f"The file is damaged or no database: move it away, or {_ELSEWHERE}."
        case _:
            return f"Make the file and its folder writable, or {_ELSEWHERE}."
