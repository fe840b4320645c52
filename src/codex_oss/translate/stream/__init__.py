"""Chat chunks as Responses events.

``translator`` reads chunks; ``content`` takes thinking and calls out of text; ``calls``
puts calls together; ``items`` and ``output`` write the events.
"""

from codex_oss.translate.stream.translator import Translator

__all__ = ["Translator"]
