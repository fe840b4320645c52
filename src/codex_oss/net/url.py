"""URLs: taken apart for a request, and what kind of place a host is."""

from urllib.parse import quote, urljoin, urlsplit

import msgspec

from codex_oss.errors import ConfigError

PORTS = {"http": 80, "https": 443}
"""The schemes that can be asked, and their ports."""

_LOCAL_SUFFIXES = (".local", ".lan", ".internal", ".home.arpa", ".localhost")
_TARGET_SAFE = "/?:@!$&'()*+,;=~%-._[]"


class Url(msgspec.Struct, frozen=True):
    """An absolute URL. ``host`` is bare (no brackets), ``target`` path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: what may see the same credentials."""
        return self.scheme, self.host, self.port

    @property
    def place(self) -> str:
        """``host:port``, for messages and for CONNECT."""
        return f"{bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """The value of the ``Host`` header: without the port if it is the usual."""
        if self.port == PORTS[self.scheme]:
            return bracketed(self.host)
        return self.place

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets."""
    return f"[{host}]" if ":" in host else host


def parse(text: str) -> Url:
    """Return the parts of an http(s) URL; raises ``ConfigError`` naming the fault.

    A user name in it is refused: it would end up in messages and logs.
    """
    try:
        parts = urlsplit(text.strip())
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError as error:
        raise ConfigError(f"{text!r} is not a URL: {error}") from None
    if parts.scheme not in PORTS or not host:
        raise ConfigError(
            f"{text!r} is not a URL of a server",
            hint="It must look like http://localhost:8080/v1",
        )
    if user is not None:
        raise ConfigError(
            f"the URL of {host} contains a user name",
            hint="Put credentials into `env_key` or `http_headers`.",
        )
    target = quote(parts.path or "/", safe=_TARGET_SAFE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_TARGET_SAFE)
    return Url(parts.scheme, _ascii(host), port or PORTS[parts.scheme], target)


def _ascii(host: str) -> str:
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        raise ConfigError(f"{host!r} is not a host name") from None


def join(base: Url, location: str) -> Url:
    """Return the URL that a ``Location`` header of ``base``'s answer means."""
    return parse(urljoin(str(base), location))


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine."""
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    return host.startswith("127.") and host.replace(".", "").isdigit()


def is_private(host: str) -> bool:
    """Tell whether a host is this machine or one of the own network."""
    if is_loopback(host) or host.endswith(_LOCAL_SUFFIXES):
        return True
    numeric = ":" in host or host.replace(".", "").isdigit()
    if not numeric:
        return "." not in host
    import ipaddress  # noqa: PLC0415  3 ms, and most hosts are decided above

    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
