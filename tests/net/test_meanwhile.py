"""Work for which there is time while a server is waited for."""

import asyncio

from codex_oss.net.meanwhile import Meanwhile


def test_it_is_made_while_the_task_waits_and_once() -> None:
    async def work() -> list[str]:
        said: list[str] = []
        later = Meanwhile(lambda: said.append("made"))
        said.append("asked")
        await asyncio.sleep(0)
        said.append("answered")
        later.get()
        return said

    assert asyncio.run(work()) == ["asked", "made", "answered"]


def test_who_does_not_wait_has_it_made_at_once() -> None:
    async def work() -> list[str]:
        said: list[str] = []
        later = Meanwhile(lambda: said.append("made") or "it")
        said.append(later.get())
        await asyncio.sleep(0)
        return [*said, later.get()]

    assert asyncio.run(work()) == ["made", "it", "it"]
