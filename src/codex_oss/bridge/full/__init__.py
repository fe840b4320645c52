"""Responses and their streams, whole, as strict clients demand them."""

from codex_oss.bridge.full.frames import STREAM_HEADERS, LifeEvent, encode_event
from codex_oss.bridge.full.response import Frame
from codex_oss.bridge.full.whole import whole_item

__all__ = [
    "STREAM_HEADERS",
    "Frame",
    "LifeEvent",
    "encode_event",
    "whole_item",
]
