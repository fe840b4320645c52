"""Responses and their streams, whole, as strict clients demand them."""

from codex_oss.bridge.full.frames import LifeEvent, encode_event
from codex_oss.bridge.full.response import Extras, Frame, decode_extras
from codex_oss.bridge.full.whole import whole_item

__all__ = [
    "Extras",
    "Frame",
    "LifeEvent",
    "decode_extras",
    "encode_event",
    "whole_item",
]
