"""Did the server read the whole prompt? Its count tells, where it says nothing.

A server that drops what does not fit (Ollama on its ``/v1`` routes, LM Studio with
"truncate middle", older ones everywhere) answers as if nothing had happened. But it
counts the tokens that it has read, and a text cannot have fewer than some number.

That number, for any tokenizer in use, is the sum of

- its words and numbers in ASCII: tokenizers cut text between letters, digits, blanks
  and punctuation first, so that no token holds two of them. Prose has 1.3 to 1.5
  tokens a word, source code and logs have more;
- a fourth of its East Asian characters and a ninth of the others beyond ASCII, once
  runs of one character, which are few tokens however long, are made one. A token of
  o200k, the largest vocabulary in common use, is 1.5 characters of Chinese, and 3 to
  4 of Hindi, Thai or Russian.

That leaves room: what is told to be cut is cut. A small cut is not seen.
"""

import re
from typing import Any

from codex_oss.facts import Truncated
from codex_oss.wire import chat, responses

EAST_ASIAN_PER_TOKEN = 4
OTHERS_PER_TOKEN = 9
"""More characters than a token has on average in any text beyond ASCII; see above."""
USUAL_CHARS_PER_TOKEN = 5
"""With more tokens than this makes of it, a prompt is whole: words are not counted."""
MIN_CHARS = 2000
"""A prompt below this fits everywhere: it is not looked at."""

_WORDS = "[A-Za-z]+|[0-9]+"
_RUNS = r"([^\x00-\x7f])\1+"
_BEYOND_ASCII = "[^\x00-\x7f]"
_EAST_ASIAN = "[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"


def truncated(sent: chat.Request, usage: responses.Usage | None) -> Truncated | None:
    """Return how much less than ``sent`` the server has read; None when all is well.

    None too when the server counts nothing. Images do not count.
    """
    if usage is None or usage.input_tokens <= 0:
        return None
    texts = _texts(sent)
    size, read = sum(map(len, texts)), _read(usage)
    if size < MIN_CHARS or read * USUAL_CHARS_PER_TOKEN >= size:
        return None
    least = least_tokens("\n".join(texts))
    return Truncated(tokens_sent=least, tokens_read=read) if read < least else None


def is_whole(size: int, usage: responses.Usage) -> bool:
    """Return whether a body of ``size`` bytes cannot have been ``truncated``.

    It is longer than its texts are, and they need not be looked at.
    """
    return size < MIN_CHARS or usage.input_tokens * USUAL_CHARS_PER_TOKEN >= size


def least_tokens(text: str) -> int:
    """Return a number of tokens that no known tokenizer goes below for ``text``."""
    words = len(re.findall(_WORDS, text))
    if text.isascii():
        return words
    dense = re.sub(_RUNS, r"\1", text)
    east_asian = len(re.findall(_EAST_ASIAN, dense))
    others = len(re.findall(_BEYOND_ASCII, dense)) - east_asian
    return words + east_asian // EAST_ASIAN_PER_TOKEN + others // OTHERS_PER_TOKEN


def _read(usage: responses.Usage) -> int:
    """Return the prompt's tokens; a few servers count the cached ones apart."""
    details = usage.input_tokens_details
    cached = details.cached_tokens if details else 0
    return usage.input_tokens + (cached if cached > usage.input_tokens else 0)


def _texts(sent: chat.Request) -> list[str]:
    """Return what every template writes out: some drop what is said beside calls."""
    texts = [
        text
        for tool in sent.tools
        for text in (tool.function.name, tool.function.description or "")
    ]
    for message in sent.messages:
        match message:
            case chat.User(content=list(parts)):
                texts += [p.text for p in parts if isinstance(p, chat.TextPart)]
            case chat.Assistant(tool_calls=[_, *_] as calls):
                texts += [s for c in calls for s in _strings(c.function.arguments)]
            case chat.User(content=str(text)):
                texts.append(text)
            case chat.User():
                pass
            case _:
                texts.append(message.content)
    return texts


def _strings(arguments: str | dict[str, Any]) -> list[str]:
    """Return the texts in a call's arguments."""
    if isinstance(arguments, str):
        return [arguments]
    return [value for value in arguments.values() if isinstance(value, str)]
