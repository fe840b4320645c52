"""Which proxy a URL goes through, by the environment variables that curl reads."""

import binascii
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from codex_oss.errors import ConfigError
from codex_oss.net.url import Url, is_loopback

DEFAULT_PORT = 80
"""Of a proxy URL without a port."""


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy. ``authorization`` is a ``Basic …`` value, or empty."""

    host: str
    port: int
    authorization: str = ""


class Proxies(msgspec.Struct, frozen=True):
    """The proxies of an environment. Their URLs are read when one is needed."""

    by_scheme: dict[str, tuple[str, str]]
    """Scheme to (variable, URL)."""
    direct: tuple[str, ...]
    """The entries of ``NO_PROXY``."""

    def find(self, url: Url) -> Proxy | None:
        """Return the proxy for a URL, or None to connect directly.

        This machine is always asked directly.
        """
        found = self.by_scheme.get(url.scheme)
        if found is None or is_loopback(url.host):
            return None
        if any(_covers(entry, url) for entry in self.direct):
            return None
        return _parse(*found)


def from_env(env: Mapping[str, str]) -> Proxies:
    """Read HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, lower case first."""
    by_scheme: dict[str, tuple[str, str]] = {}
    for scheme in ("http", "https"):
        for name in (f"{scheme}_proxy", "all_proxy"):
            variable = name if env.get(name) else name.upper()
            if value := env.get(variable):
                by_scheme[scheme] = (variable, value)
                break
    entries = (env.get("no_proxy") or env.get("NO_PROXY") or "").split(",")
    direct = tuple(entry.strip().lower() for entry in entries if entry.strip())
    return Proxies(by_scheme, direct)


def _parse(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port or DEFAULT_PORT
    except ValueError:
        raise ConfigError(f"{variable} is not a URL") from None
    if parts.scheme != "http" or not host:
        raise ConfigError(
            f"{variable} names a proxy of kind {parts.scheme!r}",
            hint="Only http:// proxies are supported; they carry https too.",
        )
    if parts.username is None:
        return Proxy(host, port)
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
    token = binascii.b2a_base64(user, newline=False).decode()
    return Proxy(host, port, f"Basic {token}")


def _covers(entry: str, url: Url) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(url.host, entry)
    name, colon, port = entry.rpartition(":")
    if colon and port.isdigit() and ":" not in name.strip("[]"):
        if int(port) != url.port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").removeprefix(".")
    return url.host == entry or url.host.endswith(f".{entry}")


def _in_network(host: str, network: str) -> bool:
    import ipaddress  # noqa: PLC0415  3 ms, and networks are rare in NO_PROXY

    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
