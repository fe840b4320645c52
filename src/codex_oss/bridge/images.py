"""Images on their way to a model: large ones are made smaller, once and always alike.

An image costs a local model hundreds of tokens, and its bytes are sent with every
request of the conversation: a photograph as it came would be megabytes each time.
"""

import asyncio
import binascii
from base64 import b64decode
from collections import OrderedDict

from msgspec.structs import replace

from codex_oss.errors import ToolError
from codex_oss.items import (
    CustomToolCallOutput,
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    Part,
)
from codex_oss.wire import responses

SMALL_BYTES = 256 * 1024
"""Characters of a ``data:`` URL that are not worth a look."""
KEPT = 32
"""Images whose smaller form is kept for the conversation's next request."""

_HEAD = "data:image/"


class Images:
    """Makes the images of requests fit."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, Part] = OrderedDict()
        # One at a time: a picture that is taken apart needs a hundred megabytes.
        self._turn = asyncio.Semaphore(1)

    async def fit(self, request: responses.Request) -> responses.Request:
        """Return ``request`` with its large images made smaller."""
        if not any(map(_large, request.input)):
            return request
        return replace(
            request, input=[await self._item(each) for each in request.input]
        )

    async def _item(self, item: Item) -> Item:
        match item:
            case Message() if _large(item):
                return replace(item, content=await self._parts(item.content))
            case FunctionCallOutput() | CustomToolCallOutput() if _large(item):
                assert not isinstance(item.output, str)
                return replace(item, output=await self._parts(item.output))
            case _:
                return item

    async def _parts(self, parts: list[Part]) -> list[Part]:
        return [await self._part(part) if _is_large(part) else part for part in parts]

    async def _part(self, part: Part) -> Part:
        assert isinstance(part, InputImage)
        from _blake2 import blake2b  # noqa: PLC0415  as in `app`: without OpenSSL

        key = blake2b(part.image_url.encode(), digest_size=16).digest()
        async with self._turn:
            if key not in self._kept:
                self._kept[key] = await asyncio.to_thread(_smaller, part)
                if len(self._kept) > KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(key)
            return self._kept[key]


def _smaller(part: InputImage) -> Part:
    from codex_oss.tools.view_image import fitting_url  # noqa: PLC0415  for images only

    try:
        data = b64decode(part.image_url.partition(",")[2], validate=True)
        return replace(part, image_url=fitting_url(data))
    except (ToolError, binascii.Error):
        return InputText(text="(an image stood here; it could not be read)")


def _large(item: Item) -> bool:
    match item:
        case Message():
            return any(map(_is_large, item.content))
        case (
            FunctionCallOutput(output=list(parts))
            | CustomToolCallOutput(output=list(parts))
        ):
            return any(map(_is_large, parts))
        case _:
            return False


def _is_large(part: Part) -> bool:
    return (
        isinstance(part, InputImage)
        and len(part.image_url) > SMALL_BYTES
        and part.image_url.startswith(_HEAD)
    )
