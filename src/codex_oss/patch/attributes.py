"""Extended attributes of files and folders, access control lists among them.

Where a system has none (macOS has others), nothing is read or written. Labels of
security modules and capabilities are the administrator's, and stay out of this.
"""

import errno
import os
import sys
from contextlib import suppress

import msgspec

_OURS = ("user.", "system.posix_acl_access", "system.posix_acl_default")

_decode = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def read(where: int | str) -> bytes:
    """Return the attributes of an open file, or at a path; empty if there are none."""
    found = _all(where)
    return msgspec.msgpack.encode(dict(sorted(found.items()))) if found else b""


def write(where: int | str, data: bytes) -> None:
    """Give a file these attributes and no others. Raises ``OSError``.

    A file system without attributes, as the file's own may have become, takes none.
    """
    wanted = _decode(data) if data else {}
    found = _all(where)
    if sys.platform != "linux" or found == wanted:
        return
    for name in found.keys() - wanted.keys():
        os.removexattr(where, name)
    for name, value in wanted.items():
        if found.get(name) != value:
            try:
                os.setxattr(where, name, value)
            except OSError as error:
                if error.errno != errno.ENOTSUP:
                    raise


def _all(where: int | str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if sys.platform != "linux":
        return found
    try:
        names = os.listxattr(where)
    except OSError:
        return found
    for name in names:
        if name.startswith(_OURS):
            with suppress(OSError):
                found[name] = os.getxattr(where, name)
    return found
