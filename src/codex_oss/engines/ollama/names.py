"""Names of models in Ollama: ``[scheme://][host/][namespace/]model[:tag]``.

What is left out is usual: ``https://``, ``registry.ollama.ai``, ``library``,
``latest``. A host is one only with a namespace behind it. Case does not count.
"""

from collections.abc import Iterable

import msgspec

from codex_oss.errors import EngineError

HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
NEAR = 3
"""How many names are offered for one that does not exist."""
_MOST_PARTS = 3
_ALIKE = 0.6
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """A model's name with all its parts."""

    scheme: str = "https"
    host: str = HOST
    namespace: str = NAMESPACE
    model: str
    tag: str = TAG

    @property
    def insecure(self) -> bool:
        """Whether its registry is asked without TLS, which Ollama wants to be told."""
        return self.scheme == "http"

    @property
    def manifest(self) -> str:
        """The URL that says of which layers the model is made."""
        path = f"v2/{self.namespace}/{self.model}/manifests/{self.tag}"
        return f"{self.scheme}://{self.host}/{path}"


def parse(text: str) -> Name:
    """Return the parts of a name; raises ``errors.EngineError`` for what is none."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "https", text
    parts, tag = rest.split("/"), TAG
    if ":" in parts[-1]:
        parts[-1], _, tag = parts[-1].partition(":")
    words = [*parts[1:], tag] if len(parts) == _MOST_PARTS else [*parts, tag]
    if (
        scheme not in ("http", "https")
        or len(parts) > _MOST_PARTS
        or not all(parts)
        or not all(word and _PLAIN.issuperset(word.lower()) for word in words)
    ):
        raise EngineError(
            f"`{text}` is not a name of a model in Ollama",
            hint="Write model:tag, owner/model:tag or host/owner/model:tag.",
        )
    usual = (HOST, NAMESPACE)[: _MOST_PARTS - len(parts)]
    host, namespace, model = (*usual, *parts)
    return Name(scheme=scheme, host=host, namespace=namespace, model=model, tag=tag)


def tagged(name: str) -> str:
    """Return a name with its tag; without one it means ``latest``."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:{TAG}"


def listed(name: str) -> str:
    """Return a name as Ollama lists it: with a tag, and without what is usual."""
    plain = tagged(name).rpartition("://")[2]
    return plain.removeprefix(f"{HOST}/").removeprefix(f"{NAMESPACE}/")


def same(one: str, other: str) -> bool:
    """Tell whether two names are one model's."""
    return listed(one).lower() == listed(other).lower()


def near(name: str, known: Iterable[str]) -> list[str]:
    """Return names that may have been meant, the likeliest first.

    First those of the same model with another tag, then those that look alike.
    """
    from difflib import get_close_matches  # noqa: PLC0415  only for a name that is wrong

    wanted = name.lower()
    family = tagged(wanted).rpartition(":")[0]
    names = dict.fromkeys(n for n in known if n.lower() != wanted)
    same_model = [n for n in names if tagged(n).lower().rpartition(":")[0] == family]
    lowered = {n.lower(): n for n in reversed(names)}
    alike = get_close_matches(wanted, lowered, n=NEAR, cutoff=_ALIKE)
    found = dict.fromkeys([*same_model, *(lowered[n] for n in alike)])
    return list(found)[:NEAR]
