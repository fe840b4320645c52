"""Which values are secret, and what people see instead of them."""

MASK = "********"

_SECRET_WORDS = (
    "authorization",
    "bearer_token",
    "cookie",
    "credential",
    "password",
    "secret",
    "token",
    "api-key",
    "api_key",
    "apikey",
)
_NOT_SECRET = (
    "env_key",
    "key_env",
    "token_limit",
    "token_env_var",
    "max_output_tokens",
)


def is_secret(key: str) -> bool:
    """Tell by its dotted name whether a key's value must not be shown."""
    parts = key.lower().rpartition(".")
    name = parts[2].strip('"')
    if any(word in name for word in _NOT_SECRET) or _names_variables(parts[0]):
        return False
    if any(word in name for word in _SECRET_WORDS):
        return True
    return name in {"key", "auth"} or name.endswith(("-key", "_key", "-auth"))


def mask_url(url: str) -> str:
    """Return a URL without its password and without the values of its query."""
    head, separator, query = url.partition("?")
    scheme, colon, rest = head.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if at:
        rest = f"{user.partition(':')[0]}:{MASK}@{host}{slash}{path}"
    if query:
        query = "&".join(
            f"{name}={MASK}" if equals else name
            for name, equals, _ in (pair.partition("=") for pair in query.split("&"))
        )
    return f"{scheme}{colon}{rest}{separator}{query}"


def _names_variables(table: str) -> bool:
    """Tell whether a table's values are names of environment variables."""
    return table.endswith("env_http_headers")
