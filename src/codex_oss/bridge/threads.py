"""What is remembered of a conversation: the tools of its last request that had some.

The Codex CLI asks for a summary without tools. Most chat templates write the tools at
the head of the prompt, so without them a server would have to read the whole
conversation anew: they are sent again, with the word that none may be called.
"""

from collections import OrderedDict

import msgspec

from codex_oss.items import Item
from codex_oss.wire import responses

MAX_THREADS = 256
"""The conversation that was not heard of for the longest time is forgotten."""


Key = tuple[str, str]


class _Kept(msgspec.Struct, frozen=True):
    head: Item
    tools: list[responses.Tool]


class Threads:
    """Conversations by their keys."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()

    def with_tools(
        self, key: Key | None, request: responses.Request
    ) -> responses.Request:
        """Return ``request``, with the tools that its conversation had before.

        That is: the same key, which is a client and its conversation (None: the client
        names none), the same first item, and no form for the answer (the
        Codex CLI asks for a thread's title so, in another conversation).
        """
        if key is None or not request.input:
            return request
        if request.tools:
            self._keep(key, _Kept(request.input[0], request.tools))
            return request
        kept = self._kept.get(key)
        if kept is None or kept.head != request.input[0] or _has_form(request):
            return request
        return msgspec.structs.replace(request, tools=kept.tools, tool_choice="none")

    def _keep(self, key: Key, kept: _Kept) -> None:
        self._kept[key] = kept
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_THREADS:
            self._kept.popitem(last=False)


def _has_form(request: responses.Request) -> bool:
    form = request.text.format if request.text else None
    return bool(form) and form.get("type") != "text"
