"""Tools of other kinds: namespaces, plans, patches, images, search."""

import base64
import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

from fake_server import Reply
from scripted_upstream import DONE, Asked, Body, Scenario, asks, says, text_of

PATCH = "*** Begin Patch\n*** Add File: new.txt\n+hello\n*** End Patch\n"
PATCHED = {"new.txt": "hello\n"}
PLAN = {
    "explanation": "first look, then act",
    "plan": [
        {"step": "Look", "status": "in_progress"},
        {"step": "Act", "status": "pending"},
    ],
}
NOBODY = "01a1fd2e-741b-7b50-a8e6-6c8cc14d32e5"


def png(size: int = 8) -> bytes:
    """Return a white picture."""

    def block(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + b"\xff" * 3 * size) * size)
    blocks = block(b"IHDR", head) + block(b"IDAT", rows) + block(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + blocks


def _close_agent(asked: Asked) -> Reply:
    return asks(asked.offered("close_agent"), {"target": NOBODY})(asked)


def _seen_as_image(bodies: Sequence[Body]) -> Iterable[str]:
    parts = [
        part
        for message in bodies[-1]["messages"]
        if isinstance(message.get("content"), list)
        for part in message["content"]
    ]
    images = [part for part in parts if part.get("type") == "image_url"]
    if not images:
        yield "no picture reached the model"
    for image in images:
        data = image["image_url"]["url"]
        kind, _, content = data.partition(";base64,")
        if not kind.startswith("data:image/") or not base64.b64decode(content):
            yield f"the picture is {data[:40]!r}"
    if any("base64," in text_of(message) for message in bodies[-1]["messages"]):
        yield "the model was given a picture's base64 as text"


def _patching(name: str, arguments: Any, tool: str = "apply_patch") -> Scenario:
    return Scenario(
        name=name,
        turns=(asks(tool, arguments), says(DONE)),
        kinds=("file_change",),
        files=PATCHED,
        ran=None,
    )


def _heredoc(patch: str) -> dict[str, str]:
    return {"cmd": f"apply_patch <<'EOF'\n{patch}EOF\n"}


SCENARIOS = (
    # Nobody is there to be closed; but Codex knows the tool, and says so.
    Scenario(name="ns", turns=(_close_agent, says(DONE))),
    Scenario(
        name="ns-bare", turns=(asks("close_agent", {"target": NOBODY}), says(DONE))
    ),
    Scenario(name="plan", turns=(asks("update_plan", PLAN), says(DONE)), ran=None),
    _patching("patch-tool", {"input": PATCH}),
    _patching("patch-tool-patchkey", {"patch": PATCH}),
    _patching("patch-tool-raw", PATCH),
    _patching("patch-exec", _heredoc(PATCH), "exec_command"),
    _patching(
        "patch-noend",
        _heredoc(PATCH.replace("*** End Patch\n", "")),
        "exec_command",
    ),
    Scenario(
        name="viewimg",
        turns=(asks("view_image", json.dumps({"path": "white.png"})), says(DONE)),
        given={"white.png": png()},
        upstream=_seen_as_image,
    ),
    Scenario(
        name="websearch",
        turns=(asks("web_search", {"query": "weather in Paris"}), says(DONE)),
        ran=None,
    ),
)
