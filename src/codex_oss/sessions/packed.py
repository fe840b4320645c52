"""Sessions that the Codex CLI has compressed: ``rollout-….jsonl.zst``.

Codex 0.169 does that to files which nobody has written to for seven days, where its
feature ``local_thread_store_compression`` is on: a zstd frame, and the plain file goes.
Where both are there, the plain one counts. Who goes on with a session unpacks it first.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import ModuleType

from codex_oss.errors import SessionError

PLAIN = ".jsonl"
PACKED = ".jsonl.zst"
PIECE = 256 * 1024
"""Bytes that are unpacked at a time: a small file may hold any number of them."""
MAX_BYTES = 512 * 1024 * 1024
"""The largest session that is read, unpacked."""
_READ = 64 * 1024


def is_packed(path: Path) -> bool:
    """Tell whether a session's file is compressed."""
    return path.name.endswith(PACKED)


def forms(path: Path) -> list[Path]:
    """Return the plain and the compressed file of a session, as far as they exist."""
    name = path.name.removesuffix(PACKED).removesuffix(PLAIN)
    both = (path.with_name(name + end) for end in (PLAIN, PACKED))
    return [each for each in both if each.exists()]


def head(path: Path, limit: int) -> bytes:
    """Return the beginning of a compressed session, as far as it can be read."""
    found = bytearray()
    with suppress(SessionError):
        for piece in pieces(path, min(limit, PIECE)):
            found += piece
            if len(found) >= limit:
                break
    return bytes(found[:limit])


def whole(path: Path) -> bytes:
    """Return all of a session, compressed or not.

    Raises ``SessionError``, also for one that is larger than ``MAX_BYTES``.
    """
    if is_packed(path):
        return b"".join(pieces(path))
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(path)
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a session, compressed or not. Raises ``SessionError``."""
    if not is_packed(path):
        try:
            with path.open("rb") as file:
                yield from file
        except OSError as error:
            raise _unreadable(path, error) from error
        return
    begun: list[bytes] = []
    for piece in pieces(path):
        first, *rest = piece.split(b"\n")
        begun.append(first)
        if rest:
            yield b"".join(begun)
            yield from rest[:-1]
            begun = [rest[-1]]
    yield b"".join(begun)


def unpacked(path: Path) -> Path:
    """Put the plain file in the place of a compressed one, and return its path.

    The caller has the right to write to the session. Raises ``SessionError``.
    """
    plain = path.with_name(path.name.removesuffix(PACKED) + PLAIN)
    temp = plain.with_name(f"{plain.name}.new")
    try:
        if not plain.exists():
            # One that a killed process has left is written over.
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(temp, flags, 0o600), "wb") as file:
                for piece in pieces(path):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())  # the only copy, from now on
            temp.rename(plain)
        path.unlink(missing_ok=True)
    except (OSError, SessionError) as error:
        with suppress(OSError):
            temp.unlink()
        if isinstance(error, SessionError):
            raise
        raise SessionError(
            f"cannot unpack the session {path}: {error.strerror}",
            hint="Free some space or make the folder writable, "
            "or go on with `--ephemeral`.",
        ) from error
    return plain


def pieces(path: Path, size: int = PIECE) -> Iterator[bytes]:
    """Yield what a compressed session holds, in pieces of at most ``size`` bytes.

    Raises ``SessionError``.
    """
    zstd = _zstd()
    unpack = zstd.ZstdDecompressor()
    total = 0
    try:
        with path.open("rb", buffering=0) as file:
            data = file.read(_READ)
            while data or not (unpack.eof or unpack.needs_input):
                if unpack.eof:  # one frame may follow the other
                    unpack = zstd.ZstdDecompressor()
                piece = unpack.decompress(data, size)
                total += len(piece)
                if total > MAX_BYTES:
                    raise _too_large(path)
                yield piece
                data = unpack.unused_data if unpack.eof else b""
                if not data and (unpack.eof or unpack.needs_input):
                    data = file.read(_READ)
    except OSError as error:
        raise _unreadable(path, error) from error
    except zstd.ZstdError as error:
        raise SessionError(
            f"the compressed session {path} is damaged: {error}"
        ) from error
    if not unpack.eof:
        raise SessionError(f"the compressed session {path} is cut off")


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415  hardly ever
    else:
        from backports import zstd  # noqa: PLC0415  hardly ever
    return zstd


def _too_large(path: Path) -> SessionError:
    return SessionError(f"the session {path} is larger than {MAX_BYTES} bytes")


def _unreadable(path: Path, error: OSError) -> SessionError:
    return SessionError(f"cannot read the session {path}: {error.strerror}")
