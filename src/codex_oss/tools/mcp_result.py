"""The result of an MCP tool as the model reads it: text, and images it can see."""

import asyncio
import binascii
from base64 import b64decode
from typing import Any, cast

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import InputImage, InputText, Part
from codex_oss.tools.output import Budget, truncate
from codex_oss.tools.view_image import fitting_url
from codex_oss.wire.json_text import NOT_JSON

MAX_IMAGES = 8
"""Images of one result that the model gets."""
MAX_PARTS = 1000
"""Parts of one result that are read."""
MAX_MIME = 100


async def output(
    content: list[Any], structured: object, budget: Budget
) -> str | list[Part]:
    """Return one text, or text and images where there are any.

    What a server gives in both forms, as the protocol asks it to, is read once.
    """
    texts: list[str] = []
    images: list[Part] = []
    for entry in content[:MAX_PARTS]:
        part = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
        if part.get("type") == "image" and len(images) < MAX_IMAGES:
            image = await _image(part)
            if isinstance(image, InputImage):
                images.append(image)
            else:
                texts.append(image)
        else:
            texts.append(_text(part))
    if structured is not None:
        texts = _once(texts, structured)
    text = truncate("\n".join(filter(None, texts)), budget)
    if not images:
        return text or "(no output)"
    return [*([InputText(text=text)] if text else []), *images]


def _once(texts: list[str], structured: object) -> list[str]:
    """Return texts and structured content without what only says the same again."""
    said = [_value(text) for text in texts]
    # SDKs wrap what is no object, and give each element of a list a text of its own.
    wrapped = cast("dict[str, Any]", structured) if isinstance(structured, dict) else {}
    if wrapped.keys() == {"result"} and wrapped["result"] in (said, *said):
        return texts
    told = [
        text for text, value in zip(texts, said, strict=True) if value != structured
    ]
    return [*told, msgspec.json.encode(structured).decode()]


def _value(text: str) -> object:
    """Return the JSON value that a text is, or the text."""
    try:
        return msgspec.json.decode(text)
    except NOT_JSON:
        return text


def _text(part: dict[str, Any]) -> str:
    """Return the text that stands for a part; links and files are told of."""
    match part.get("type"):
        case "text":
            return _string(part, "text")
        case "resource":
            held = part.get("resource")
            return _resource(cast("dict[str, Any]", held)) if held else ""
        case "resource_link":
            names = (_string(part, key) for key in ("name", "uri", "description"))
            return f"[resource: {' '.join(filter(None, names))}]"
        case "image":
            return "[an image that is left out: there are too many]"
        case "audio":
            return f"[audio, {_string(part, 'mimeType')[:MAX_MIME]}: not played]"
        case _:
            return ""


def _resource(held: object) -> str:
    if not isinstance(held, dict):
        return ""
    fields = cast("dict[str, Any]", held)
    if isinstance(fields.get("text"), str):
        return f"[{_string(fields, 'uri')}]\n{fields['text']}"
    size = len(_string(fields, "blob")) * 3 // 4
    kind = _string(fields, "mimeType")[:MAX_MIME] or "binary"
    return f"[{_string(fields, 'uri')}: {kind}, {size} bytes]"


async def _image(part: dict[str, Any]) -> InputImage | str:
    try:
        data = b64decode(_string(part, "data"), validate=True)
        url = await asyncio.to_thread(fitting_url, data)
    except (binascii.Error, ValueError, ToolError):
        return "[an image that cannot be read]"
    return InputImage(image_url=url, detail="high")


def _string(part: dict[str, Any], key: str) -> str:
    value = part.get(key)
    return value if isinstance(value, str) else ""
