"""Makes the events of two runs of `exec --json` comparable."""

import itertools
from typing import Any

FALLBACK_WARNING = "Model metadata for "


def comparable(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take out what differs from run to run, and the warning that only Codex gives.

    The thread id; which of two commands that run side by side begins or ends first;
    and so the numbers in ids, which then count from the first item that is left.
    """
    shown = [event for event in events if not is_fallback_warning(event)]
    ordered = [
        event
        for _, run in itertools.groupby(shown, command_event)
        for event in sorted(run, key=command_of)
    ]
    ids: dict[str, str] = {}
    for event in ordered:
        if "thread_id" in event:
            event["thread_id"] = "T"
        if item := event.get("item"):
            item["id"] = ids.setdefault(item["id"], f"item_{len(ids)}")
    return ordered


def is_fallback_warning(event: dict[str, Any]) -> bool:
    message = event.get("item", {}).get("message", "")
    return message.startswith(FALLBACK_WARNING)


def command_event(event: dict[str, Any]) -> tuple[str, int]:
    """Give neighbours the same key if they are commands that begin, or that end."""
    if event.get("item", {}).get("type") == "command_execution":
        return event["type"], 0
    return "", id(event)


def command_of(event: dict[str, Any]) -> str:
    return event.get("item", {}).get("command", "")
