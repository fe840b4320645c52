"""Images of requests, made to fit."""

import asyncio
from base64 import b64decode, b64encode
from io import BytesIO

import pytest
from PIL import Image

from codex_oss.bridge.images import SMALL_BYTES, Images
from codex_oss.items import (
    FunctionCallOutput,
    InputImage,
    InputText,
    Item,
    Message,
    Part,
    user,
)
from codex_oss.wire import responses


def picture(side: int) -> str:
    """Return a picture that does not compress."""
    out = BytesIO()
    Image.effect_noise((side, side), 90).save(out, "PNG")
    return f"data:image/png;base64,{b64encode(out.getvalue()).decode()}"


def fit(images: Images, *items: Item) -> list[Item]:
    request = responses.Request(model="m", input=list(items))
    return asyncio.run(images.fit(request)).input


def said(parts: list[Part]) -> Message:
    return Message(role="user", content=parts)


def test_requests_without_large_images_stay_as_they_are() -> None:
    request = responses.Request(
        model="m", input=[user("x"), said([InputImage(image_url=picture(8))])]
    )
    assert asyncio.run(Images().fit(request)) is request


def test_a_large_image_gets_smaller_and_the_words_around_it_stay() -> None:
    large = picture(2400)
    assert len(large) > SMALL_BYTES
    [message] = fit(
        Images(), said([InputText(text="a"), InputImage(image_url=large, detail="low")])
    )
    assert isinstance(message, Message)
    words, image = message.content
    assert words == InputText(text="a")
    assert isinstance(image, InputImage)
    assert image.detail == "low"
    with Image.open(BytesIO(b64decode(image.image_url.partition(",")[2]))) as seen:
        assert seen.size == (1920, 1920)


def test_an_image_of_a_tool_gets_smaller_too_and_the_same_each_time() -> None:
    images, large = Images(), picture(2400)
    output = FunctionCallOutput(call_id="c", output=[InputImage(image_url=large)])
    [one] = fit(images, output)
    [two] = fit(images, output)
    [other] = fit(Images(), output)
    assert one == two == other
    assert one != output


def test_pictures_are_made_smaller_one_at_a_time_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    working: list[str] = []
    done: list[str] = []

    async def work(_: object, part: InputImage) -> Part:
        working.append(part.image_url)
        assert working == [part.image_url]
        for _ in range(5):  # so that the others would begin, if they could
            await asyncio.sleep(0)
        working.remove(part.image_url)
        done.append(part.image_url)
        return part

    monkeypatch.setattr(asyncio, "to_thread", work)
    urls = [f"data:image/png;base64,{each * SMALL_BYTES}" for each in "AABC"]
    messages: list[Item] = [said([InputImage(image_url=url)]) for url in urls]
    images = Images()

    async def all_at_once() -> None:
        async with asyncio.timeout(60):
            requests = [responses.Request(model="m", input=[m]) for m in messages]
            await asyncio.gather(*map(images.fit, requests))

    asyncio.run(all_at_once())
    assert done == urls[1:]


def test_what_is_no_image_is_said_to_be_none() -> None:
    broken = f"data:image/png;base64,{'A' * (SMALL_BYTES + 4)}"
    [message] = fit(Images(), said([InputImage(image_url=broken)]))
    assert message == said(
        [InputText(text="(an image stood here; it could not be read)")]
    )


def test_images_elsewhere_are_the_servers_to_fetch() -> None:
    url = "https://example.com/" + "x" * SMALL_BYTES
    message = said([InputImage(image_url=url)])
    assert fit(Images(), message) == [message]
