"""Chat chunks as Responses events.

``translator`` reads chunks; ``content`` takes thinking and calls out of text; ``calls``
puts calls together, ``mend`` finds what they mean, ``desk`` hands them out,
``forbidden`` keeps them when none may come; ``items`` and ``output`` write the events.
"""

from codex_oss.translate.again import Rejected
from codex_oss.translate.stream.mend import Note, ignore
from codex_oss.translate.stream.translator import Translator

__all__ = ["Note", "Rejected", "Translator", "ignore"]
