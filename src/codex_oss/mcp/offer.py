"""What an MCP server offers, read from answers that may hold anything."""

import re
from binascii import crc32
from collections.abc import Iterable
from typing import Any, cast

import msgspec

MAX_TOOLS = 512
"""Tools of one server; the rest is left out."""
MAX_NAME = 256
"""Letters of a tool's name; one with more is left out."""
MAX_DESCRIPTION = 4096
"""Letters of a tool's description; the rest is cut off."""
MAX_SCHEMA = 64 * 1024
"""Bytes of a tool's schema as JSON; a larger one is replaced by one that takes all."""
FLAT_NAME = 64
"""Letters of the name that a model calls (the limit of OpenAI's API)."""
LABEL = 40
"""Letters of it that are the server's."""
MARK = 9
"""Letters of a mark that tells apart names which would be the same."""

ANYTHING: dict[str, Any] = {"type": "object", "properties": {}}


class RemoteTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool by its own name, and how it is described to the model."""

    name: str
    description: str
    parameters: dict[str, Any]
    read_only: bool


def read_tools(listed: Iterable[object]) -> list[RemoteTool]:
    """Return the tools of one server, by name; what cannot be used is left out."""
    tools: dict[str, RemoteTool] = {}
    for entry in listed:
        tool = _read_tool(entry)
        if tool is not None and len(tools) < MAX_TOOLS:
            tools.setdefault(tool.name, tool)
    return [tools[name] for name in sorted(tools)]


def _read_tool(entry: object) -> RemoteTool | None:
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, Any]", entry)
    name, told = fields.get("name"), fields.get("description")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        return None
    hints = fields.get("annotations")
    read_only = isinstance(hints, dict) and cast("Any", hints).get("readOnlyHint")
    return RemoteTool(
        name=name,
        description=told.strip()[:MAX_DESCRIPTION] if isinstance(told, str) else "",
        parameters=_parameters(fields.get("inputSchema")),
        read_only=read_only is True,
    )


def _parameters(schema: object) -> dict[str, Any]:
    """Return a schema that describes an object; one that is none takes everything."""
    if not isinstance(schema, dict):
        return ANYTHING
    given = cast("dict[str, Any]", schema)
    properties = given.get("properties", {})
    if given.get("type", "object") != "object" or not isinstance(properties, dict):
        return ANYTHING
    if len(msgspec.json.encode(given)) > MAX_SCHEMA:
        return ANYTHING
    kept = {key: value for key, value in given.items() if key != "$schema"}
    return {**kept, "type": "object", "properties": properties}


def flat_name(server: str, tool: str, taken: Iterable[str]) -> str:
    """Return ``mcp__server__tool`` as models can call it, and like none ``taken``.

    The part before the tool's is of this server alone, so that no server's tools can
    take a name away from another's.
    """
    start = f"mcp__{_label(server)}__"
    name = start + _plain(tool)
    if len(name) <= FLAT_NAME and name not in taken:
        return name
    name = _marked(name, f"{server}/{tool}", FLAT_NAME)
    number = 2
    while name in taken:
        end = f"_{number}"
        name = name[: FLAT_NAME - len(end)] + end
        number += 1
    return name


def _label(server: str) -> str:
    """Return a server's part of a name, of which nobody else's is the beginning.

    It holds no ``__`` and does not end with ``_``: the first ``__`` is its end.
    """
    label = re.sub("__+", "_", _plain(server)).rstrip("_")
    if label == server and len(label) <= LABEL:
        return label
    return _marked(label[: LABEL - MARK].rstrip("_"), server, LABEL)


def _marked(name: str, whole: str, most: int) -> str:
    """Return a name, cut to ``most``, with a mark of the ``whole`` that it is from."""
    mark = f"_{crc32(whole.encode(errors='replace')):08x}"
    return name[: most - MARK] + mark


def _plain(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)
