"""Images as the model gets them."""

import asyncio
import os
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from codex_oss.errors import ToolError
from codex_oss.items import FunctionCall, InputImage
from codex_oss.ports import Output, Scope
from codex_oss.tools import view_image
from codex_oss.tools.view_image import ViewImage


def view(cwd: Path, path: str, denied: tuple[str, ...] = ()) -> Output:
    scope = Scope(cwd=cwd, emit=lambda _: None, new_item_id=lambda: "item_1")
    arguments = msgspec.json.encode({"path": path}).decode()
    call = FunctionCall(name="view_image", arguments=arguments, call_id="c")
    return asyncio.run(ViewImage(denied).run(call, scope))


def seen(output: Output) -> tuple[str, Image.Image]:
    assert isinstance(output.content, list)
    (part,) = output.content
    assert isinstance(part, InputImage)
    assert part.detail == "high"
    head, _, data = part.image_url.partition(",")
    return head, Image.open(BytesIO(b64decode(data)))


def test_a_small_image_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    Image.new("RGB", (1920, 3), "red").save(path)
    output = view(tmp_path, "a.webp")
    head, image = seen(output)
    assert (head, image.size) == ("data:image/webp;base64", (1920, 3))
    assert isinstance(output.content, list)
    part = output.content[0]
    assert isinstance(part, InputImage)
    assert b64decode(part.image_url.partition(",")[2]) == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "mode", "size", "head", "expected"),
    [
        ("a.png", "RGBA", (3000, 2000), "data:image/png;base64", (1920, 1280)),
        ("a.png", "P", (2000, 4000), "data:image/png;base64", (960, 1920)),
        ("a.jpg", "CMYK", (3000, 300), "data:image/jpeg;base64", (1920, 192)),
        ("a.gif", "L", (3840, 2), "data:image/png;base64", (1920, 1)),
        ("a.bmp", "1", (7, 5), "data:image/png;base64", (7, 5)),
        ("a.tiff", "F", (7, 5), "data:image/png;base64", (7, 5)),
    ],
)
def test_large_and_rare_images_become_small_and_common(
    tmp_path: Path,
    name: str,
    mode: str,
    size: tuple[int, int],
    head: str,
    expected: tuple[int, int],
) -> None:
    Image.new(mode, size).save(tmp_path / name)
    sent, image = seen(view(Path("/"), str(tmp_path / name)))
    assert (sent, image.size) == (head, expected)


def test_a_photo_stands_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    Image.new("RGB", (4000, 2000)).save(tmp_path / "a.jpg", exif=exif)
    assert seen(view(tmp_path, "a.jpg"))[1].size == (960, 1920)


def test_what_is_not_there_or_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "text.png").write_text("no image")
    broken = BytesIO()
    Image.new("RGB", (64, 64), "red").save(broken, "PNG")
    (tmp_path / "broken.png").write_bytes(broken.getvalue()[:60])
    unsupported = "unable to process image: invalid or unsupported image data"
    missing = "No such file or directory (os error 2)"
    expected = {
        "nope.png": f"unable to locate image at `{tmp_path}/nope.png`: {missing}",
        ".": f"image path `{tmp_path}` is not a file",
        "\0": f"unable to locate image at `{tmp_path}/\0`: embedded null byte",
        "pipe": unsupported,
        "text.png": unsupported,
        "broken.png": unsupported,
    }
    told: dict[str, str] = {}
    for path in expected:
        with pytest.raises(ToolError) as caught:
            view(tmp_path, path)
        told[path] = str(caught.value)
    assert told == expected


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (200, 100)).save(tmp_path / "a.png")
    monkeypatch.setattr(view_image, "MAX_PIXELS", 19_999)
    with pytest.raises(ToolError, match="unable to process image: too many pixels"):
        view(tmp_path, "a.png")
    monkeypatch.setattr(view_image, "MAX_FILE_BYTES", 10)
    with pytest.raises(ToolError, match="unable to process image: larger than 0 MiB"):
        view(tmp_path, "a.png")


@pytest.mark.parametrize("path", ["private/a.png", "repo/link.png", "repo/way/a.png"])
def test_a_picture_that_commands_may_not_read_is_not_shown(
    tmp_path: Path, path: str
) -> None:
    root = tmp_path.resolve()
    for name in ("private", "repo"):
        (root / name).mkdir()
    Image.new("RGB", (3, 3), "red").save(root / "private/a.png")
    (root / "repo/link.png").symlink_to("../private/a.png")
    (root / "repo/way").symlink_to("../private")
    with pytest.raises(ToolError, match="may not be read: `sandbox_deny_read`"):
        view(root, path, (f"{root}/private",))
    assert seen(view(root, path, (f"{root}/else",)))[1].size == (3, 3)
