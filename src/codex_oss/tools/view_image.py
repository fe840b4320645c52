"""The `view_image` tool: an image file as the model can see it."""

import asyncio
import os
import warnings
from base64 import b64encode
from io import BytesIO
from pathlib import Path

import msgspec

from codex_oss.errors import ToolError
from codex_oss.items import Call, InputImage
from codex_oss.policy import within
from codex_oss.ports import Output, Scope
from codex_oss.tools.spec import arguments, function_tool
from codex_oss.wire.responses import FunctionTool

MAX_FILE_BYTES = 64 * 1024 * 1024
"""The largest file that is read."""
MAX_PIXELS = 100_000_000
"""The largest picture that is decoded: 400 MB in memory."""
MAX_SIDE = 1920
"""Pixels of the longer side that a model gets (as the Codex CLI 0.169)."""

_NO_IMAGE = "unable to process image: invalid or unsupported image data"
_MIME_TYPES = {
    "PNG": "image/png",
    "JPEG": "image/jpeg",
    "GIF": "image/gif",
    "WEBP": "image/webp",
}
_MODES = {"PNG": "RGBA", "JPEG": "RGB"}


class ImageArguments(msgspec.Struct, frozen=True):
    """The arguments of ``view_image``."""

    path: str


class ViewImage:
    """Reads an image file; large ones are made smaller.

    This program reads it, and no sandbox is around it: what lies at or below one of
    ``denied``, absolute real paths, is refused here.
    """

    def __init__(self, denied: tuple[str, ...] = ()) -> None:
        self._denied = denied

    @property
    def spec(self) -> FunctionTool:
        """Name, description and parameters, as the model gets them."""
        return function_tool(
            "view_image", {"path": {"type": "string"}}, required=("path",)
        )

    async def run(self, call: Call, scope: Scope) -> Output:
        """Return the image as one part."""
        path = scope.cwd / arguments(call, ImageArguments).path
        url = await asyncio.to_thread(data_url, path, self._denied)
        return Output([InputImage(image_url=url, detail="high")])

    def end_turn(self, scope: Scope) -> None:
        """Nothing is left to tell."""

    async def close(self) -> None:
        """Nothing outlives a call."""


def data_url(path: Path, denied: tuple[str, ...] = ()) -> str:
    """Return an image file as a ``data:`` URL of at most 1920 x 1920 pixels.

    Raises ``ToolError`` for what is no file, no image, too large, or denied.
    """
    return fitting_url(_read(path, denied))


def fitting_url(data: bytes) -> str:
    """Return an image file's bytes as such a URL; raises ``ToolError`` as well."""
    mime_type, data = _fitting(data)
    return f"data:{mime_type};base64,{b64encode(data).decode()}"


def _read(path: Path, denied: tuple[str, ...]) -> bytes:
    try:
        if path.is_dir():
            raise ToolError(f"image path `{path}` is not a file")
        # A device or a pipe could be endless, or never say anything.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            _refuse_denied(path, file.fileno(), denied)
            data = file.read(MAX_FILE_BYTES + 1) or b""
    except (OSError, ValueError) as error:
        why = str(error)
        if isinstance(error, OSError) and error.errno:
            why = f"{os.strerror(error.errno)} (os error {error.errno})"
        raise ToolError(f"unable to locate image at `{path}`: {why}") from error
    if len(data) > MAX_FILE_BYTES:
        limit = MAX_FILE_BYTES // 2**20
        raise ToolError(f"unable to process image: larger than {limit} MiB")
    return data


def _refuse_denied(path: Path, fd: int, denied: tuple[str, ...]) -> None:
    if not denied:
        return
    real = os.path.realpath(path)
    # A command in the background may change links between two looks at them.
    is_it = os.path.samestat(os.stat(real), os.fstat(fd))  # noqa: PTH116  a string
    if within(real, denied) or not is_it:
        raise ToolError(f"image path `{path}` may not be read: `sandbox_deny_read`")


def _fitting(data: bytes) -> tuple[str, bytes]:
    """Return an image and its type; as it came if it is small and well known."""
    from PIL import Image, ImageOps  # noqa: PLC0415  costs 50 ms, and few look

    # It would go to the person's terminal; what is too large has our own words.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    try:
        with Image.open(BytesIO(data)) as image:
            kind = image.format or ""
            if image.width * image.height > MAX_PIXELS:
                raise ToolError("unable to process image: too many pixels")
            if kind in _MIME_TYPES and max(image.size) <= MAX_SIDE:
                image.load()
                return _MIME_TYPES[kind], data
            kind = "JPEG" if kind == "JPEG" else "PNG"
            small = ImageOps.exif_transpose(image).convert(_MODES[kind])
            small.thumbnail((MAX_SIDE, MAX_SIDE))
            out = BytesIO()
            small.save(out, kind)
            return _MIME_TYPES[kind], out.getvalue()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        # What Pillow has for files that are no image or a broken one.
        raise ToolError(_NO_IMAGE) from None
