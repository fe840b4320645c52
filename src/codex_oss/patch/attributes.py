"""Extended attributes of files and folders, access control lists among them.

Where a system has none (macOS has others), nothing is read or written. Labels of
security modules and capabilities are the administrator's, and stay out of this.
"""

import errno
import os
import struct
import sys
from contextlib import suppress

import msgspec

_ACCESS = "system.posix_acl_access"
_OURS = ("user.", _ACCESS, "system.posix_acl_default")
_VERSION_BYTES = 4
_ENTRY = "<HHI"
"""Tag, rights, id (``posix_acl_xattr.h`` of Linux)."""
_GROUP = 0x04
_GROUP_BITS = 0o070

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


def mode_for(where: int | str, data: bytes, mode: int) -> int:
    """Return ``mode`` for a file that was to get these attributes.

    With an access control list the group's bits are the most that anybody on it gets.
    A file that did not take the list gets what that gives the group itself.
    """
    wanted = _decode(data).get(_ACCESS) if data else None
    if wanted is None or _all(where).get(_ACCESS) == wanted:
        return mode
    entries = struct.iter_unpack(_ENTRY, wanted[_VERSION_BYTES:])
    group = next((rights for tag, rights, _ in entries if tag == _GROUP), 0)
    return mode & (~_GROUP_BITS | group << 3)


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
