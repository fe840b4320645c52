"""The base instructions of the Codex CLI, and our own in their place.

Only Codex's own text is replaced: one that opens as it does, is as long, and has no
heading that is not Codex's. What a person wrote (``model_instructions_file``), and
the prompts of reviews and approvals, stay.

``safe.md`` and ``aggressive.md`` are cut into sections by lines ``--- tool, …``: a
section is told when all these tools are offered, and those after ``not`` are not.
"""

from collections.abc import Collection, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from codex_oss.items import InputText, Message
from codex_oss.translate.diet.known import (
    HEADINGS,
    MIN_HEADINGS,
    MIN_LENGTH,
    OPENINGS,
)
from codex_oss.translate.diet.toolset import SmallLevel
from codex_oss.wire import responses

_NAMED = (responses.FunctionTool, responses.CustomTool)
_MARK = "---"
_NOT = "not "


class _Section(msgspec.Struct, frozen=True):
    with_tools: frozenset[str]
    without: frozenset[str]
    text: str

    def told(self, offered: Collection[str]) -> bool:
        return self.with_tools.issubset(offered) and self.without.isdisjoint(offered)


def instructions(level: SmallLevel, offered: Collection[str]) -> str:
    """Return our instructions for a model that is offered these tools."""
    return _instructions(level, frozenset(offered))


@lru_cache(maxsize=16)  # each request of a conversation has the same tools
def _instructions(level: SmallLevel, offered: frozenset[str]) -> str:
    sections = _SECTIONS[level]
    return "\n\n".join(each.text for each in sections if each.told(offered))


@lru_cache(maxsize=8)  # each request of a conversation brings it
def is_base(text: str) -> bool:
    """Whether ``text`` is the base instructions that Codex brings along."""
    if len(text) < MIN_LENGTH or not text.startswith(OPENINGS):
        return False
    headings = {
        line.rstrip()
        for line in text.split("\n")
        if line.startswith(("# ", "## ", "### "))
    }
    return len(headings) >= MIN_HEADINGS and headings <= HEADINGS


def is_base_item(message: Message) -> bool:
    """Whether ``message`` is a developer's, of nothing but the base."""
    content = message.content
    return (
        message.role in ("developer", "system")
        and len(content) == 1
        and isinstance(part := content[0], InputText)
        and is_base(part.text)
    )


def offered_names(tools: Collection[responses.Tool]) -> frozenset[str]:
    """Return the names of the tools that stand in no namespace."""
    return frozenset(tool.name for tool in tools if isinstance(tool, _NAMED))


# --- the texts ---------------------------------------------------------------------


def _load(level: SmallLevel) -> str:
    loader: Any = __loader__  # reads from a folder and from a zip, without an import
    folder = __file__.removesuffix("instructions.py")
    return loader.get_data(f"{folder}{level}.md").decode()


def _sections(text: str) -> Iterator[_Section]:
    for block in f"\n{_MARK}\n{text}".split(f"\n{_MARK}")[1:]:
        head, _, body = block.partition("\n")
        names = [name.strip() for name in head.split(",") if name.strip()]
        yield _Section(
            frozenset(name for name in names if not name.startswith(_NOT)),
            frozenset(name.removeprefix(_NOT) for name in names if _NOT in name),
            body.strip(),
        )


_SECTIONS: dict[SmallLevel, list[_Section]] = {
    "safe": [*_sections(_load("safe"))],
    "aggressive": [*_sections(_load("aggressive"))],
}
