"""Requests made small: each by itself (``slim``), or one after the other (``Diet``)."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal, Protocol

import msgspec
from msgspec import UNSET

from codex_oss.facts import Slimmed
from codex_oss.items import (
    AdditionalTools,
    CustomToolCall,
    CustomToolCallOutput,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    OutputText,
    Part,
    Reasoning,
    ToolSearchOutput,
)
from codex_oss.translate.diet.context import modes_of, slim_developer, slim_user
from codex_oss.translate.diet.instructions import (
    instructions,
    is_base,
    is_base_item,
    offered_names,
)
from codex_oss.translate.diet.known import Mode
from codex_oss.translate.diet.toolset import (
    SmallLevel,
    slim_brought,
    slim_tools,
)
from codex_oss.wire import responses

Level = Literal["off", "safe", "aggressive"]


class ToolSlimmer(Protocol):
    """``slim_tools``, or something that remembers what it made."""

    def __call__(
        self,
        tools: list[responses.Tool],
        level: SmallLevel,
        *,
        codex: bool,
        modes: frozenset[Mode] = ...,
    ) -> list[responses.Tool]:
        """Return ``tools`` in few words."""
        ...


SMALL_WINDOW = 8192
"""Tokens of a context in which "safe" would leave too little: it is "aggressive"."""

_NO_TOOLS: list[responses.Tool] = []
"""One list, so that what was made of it is found again."""

BYTES_PER_TOKEN = 4
"""Right within a tenth for English, a third for schemas; too low for other scripts."""
IMAGE_TOKENS = 1000
"""Tokens of an image: between 256 (Gemma) and 1,500 (GPT-4o, high detail)."""


def slim(
    request: responses.Request,
    level: Level,
    *,
    codex: bool,
    window: int | None = None,
    toolset: ToolSlimmer = slim_tools,
) -> responses.Request:
    """Return ``request`` with less to read; the same object when ``level`` is "off".

    ``codex``: the client is the Codex CLI. For other clients only the descriptions
    and schemas of tools get shorter. ``window`` is the model's context in tokens; it
    must be the same in all requests of a conversation. ``toolset`` does the tools.

    The input items depend on the tools and on themselves. The tools depend on the
    input in one way: once a developer's message allows escalation or Plan mode, they
    have what is needed for it, and keep it.
    """
    if level == "off":
        return request
    if level == "safe" and window is not None and window <= SMALL_WINDOW:
        level = "aggressive"
    modes = _modes(request.input) if codex else frozenset[Mode]()
    given = request.tools or _NO_TOOLS
    tools = toolset(given, level, codex=codex, modes=modes) or UNSET
    if not codex:
        return msgspec.structs.replace(request, tools=tools)
    base = instructions(level, offered_names(tools or []))
    text = request.instructions
    return msgspec.structs.replace(
        request,
        tools=tools,
        instructions=base if text and is_base(text) else text,
        input=_Slimmer(level, base, modes).input(request.input),
    )


def _modes(items: list[Item]) -> frozenset[Mode]:
    return frozenset(
        mode
        for item in items
        if isinstance(item, Message) and item.role == "developer"
        for part in item.content
        if isinstance(part, InputText)
        for mode in modes_of(part.text)
    )


class _Slimmer:
    """Items of a conversation of Codex, made small one by one."""

    def __init__(self, level: SmallLevel, base: str, modes: frozenset[Mode]) -> None:
        self._level: SmallLevel = level
        self._base = base
        self._modes = modes

    def input(self, items: list[Item]) -> list[Item]:
        slim = [self._item(item) for item in items]
        if items and isinstance(head := items[0], Message) and is_base_item(head):
            ours: list[Part] = [InputText(text=self._base)]
            slim[0] = msgspec.structs.replace(head, content=ours)
        return [item for item in slim if item is not None]

    def _item(self, item: Item) -> Item | None:
        match item:
            case Message(role="user"):
                return self._message(item, slim_user)
            case Message(role="developer"):
                return self._message(item, slim_developer)
            case ToolSearchOutput() | AdditionalTools():
                tools = slim_brought(item.tools, self._level, modes=self._modes)
                return msgspec.structs.replace(item, tools=tools)
            case _:
                return item

    def _message(
        self, message: Message, rewrite: Callable[[str, SmallLevel], str | None]
    ) -> Message | None:
        """Return ``message``; None when nothing of it is left."""
        content: list[Part] = []
        for part in message.content:
            if isinstance(part, InputText) and part.text.startswith("<"):
                text = rewrite(part.text, self._level)
                if text is not None:
                    content.append(InputText(text=text))
            else:
                content.append(part)
        if content == message.content:
            return message
        return msgspec.structs.replace(message, content=content) if content else None


# --- how much it is ----------------------------------------------------------------


def tokens(request: responses.Request) -> int:
    """Return about how many tokens a model reads: instructions, input and tools.

    Bytes by ``BYTES_PER_TOKEN``: of texts as they are, of calls and tools as JSON.
    """
    return (_text_bytes(request) + _tool_bytes(request.tools or [])) // BYTES_PER_TOKEN


def _text_bytes(request: responses.Request) -> int:
    size = _utf8_bytes(request.instructions or "")
    for item in request.input:
        if type(item) is not Message:
            size += _item_bytes(item)
            continue
        for part in item.content:  # nearly all that there is to count
            text = part.text if type(part) is InputText else ""
            size += len(text) if text and text.isascii() else _part_bytes(part)
    return size


def _tool_bytes(tools: list[responses.Tool]) -> int:
    return sum(len(responses.encode(tool)) for tool in tools)


def _item_bytes(item: Item) -> int:
    match item:
        case Message(content=parts):
            return sum(map(_part_bytes, parts))
        case FunctionCallOutput(output=output) | CustomToolCallOutput(output=output):
            if isinstance(output, str):
                return _utf8_bytes(output)
            return sum(map(_part_bytes, output))
        case FunctionCall() | CustomToolCall():
            said = item.arguments if isinstance(item, FunctionCall) else item.input
            return len(item.name) + _utf8_bytes(said)
        case Reasoning(content=thoughts):
            return sum(_utf8_bytes(thought.text) for thought in thoughts or [])
        case _:
            return len(responses.encode(item))


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _part_bytes(part: Part) -> int:
    match part:
        case InputImage():
            return IMAGE_TOKENS * BYTES_PER_TOKEN
        case InputText() | OutputText():
            return _utf8_bytes(part.text)
        case _:
            return len(responses.encode(part))


# --- request after request ---------------------------------------------------------


class _Small(msgspec.Struct, frozen=True):
    given: list[responses.Tool]
    slim: list[responses.Tool]
    given_bytes: int
    slim_bytes: int


class Diet:
    """Makes the requests of many conversations small.

    What was made of a list of tools is kept: it is most of the work, and the same list
    of the same tools comes with every request of a conversation.
    """

    def __init__(self, level: Level, kept: int = 16) -> None:
        self._level: Level = level
        self._limit = kept
        self._kept: OrderedDict[object, _Small] = OrderedDict()

    def slim(
        self, request: responses.Request, *, codex: bool, window: int | None = None
    ) -> tuple[responses.Request, Slimmed | None]:
        """Return what ``slim`` returns, and how much smaller it is."""
        if self._level == "off":
            return request, None
        used: list[_Small] = []

        def toolset(
            tools: list[responses.Tool],
            level: SmallLevel,
            *,
            codex: bool,
            modes: frozenset[Mode] = frozenset(),
        ) -> list[responses.Tool]:
            used.append(self._small(tools, level, codex=codex, modes=modes))
            return used[0].slim

        slimmed = slim(
            request, self._level, codex=codex, window=window, toolset=toolset
        )
        [tools] = used
        before = _text_bytes(request) + tools.given_bytes
        after = _text_bytes(slimmed) + tools.slim_bytes
        return slimmed, Slimmed(
            tokens_before=before // BYTES_PER_TOKEN,
            tokens_after=after // BYTES_PER_TOKEN,
        )

    def _small(
        self,
        tools: list[responses.Tool],
        level: SmallLevel,
        *,
        codex: bool,
        modes: frozenset[Mode],
    ) -> _Small:
        key = (id(tools), level, codex, modes)
        kept = self._kept.get(key)
        if kept is not None and kept.given is tools:
            self._kept.move_to_end(key)
            return kept
        slim = slim_tools(tools, level, codex=codex, modes=modes)
        made = _Small(tools, slim, _tool_bytes(tools), _tool_bytes(slim))
        self._kept[key] = made
        if len(self._kept) > self._limit:
            self._kept.popitem(last=False)
        return made
