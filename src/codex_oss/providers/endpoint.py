"""A provider made ready to be asked: its URLs, its headers, its key, its retries."""

from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from urllib.parse import urlencode

import msgspec

from codex_oss.config.provider import Provider
from codex_oss.errors import ConfigError, ModelError, StreamCut, Unreachable
from codex_oss.facts import Fact, Retried
from codex_oss.net import Client, Reply
from codex_oss.net import url as urls
from codex_oss.ports import Reviver
from codex_oss.providers.failure import Asked, refusal
from codex_oss.providers.retry import Pause, retrying
from codex_oss.providers.watch import patience

MAX_REFUSAL_BYTES = 64 * 1024
"""Of an error's body that are read."""

OPENAI_KEY = "CODEX_API_KEY"
"""Variable of the key for providers with ``requires_openai_auth``, as in Codex."""

_OK = 200
_JSON_TO_EVENTS = {"accept": "text/event-stream", "content-type": "application/json"}


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where a provider's server is and what every request to it carries."""

    provider_id: str
    provider: Provider
    base_url: str
    """Without a slash at its end."""
    headers: tuple[tuple[str, str], ...]
    key_hint: str
    reviver: Reviver | None = None
    """Who starts the server again when it has ended; None: it is not ours."""

    @property
    def host(self) -> str:
        """The server's host."""
        return urls.parse(self.base_url).host

    @property
    def local(self) -> bool:
        """Whether it may be silent for as long as it reads a prompt."""
        said = self.provider.local
        return urls.is_private(self.host) if said is None else said

    @property
    def root(self) -> str:
        """The URL above ``/v1``, where a server's own API begins."""
        return self.base_url.removesuffix("/v1")

    def url(self, path: str) -> str:
        """Return the URL of a path below ``base_url``, query and all."""
        query = urlencode(self.provider.query_params)
        return f"{self.base_url}{path}{'?' if query else ''}{query}"


def site(
    provider_id: str, provider: Provider, env: Mapping[str, str], version: str
) -> Site:
    """Return a provider's site; raises ``ConfigError`` for what it lacks.

    Headers that the user sets replace ours of the same name.
    """
    if not provider.base_url:
        raise ConfigError(
            f"model_providers.{provider_id}.base_url is not set",
            hint="Set it to the URL before /responses or /chat/completions.",
        )
    base_url = provider.base_url.strip().rstrip("/")
    urls.parse(base_url)
    key = _key(provider, env)
    headers = {"user-agent": f"codex-oss/{version}"}
    if key:
        headers["authorization"] = f"Bearer {key}"
    for name, value in provider.http_headers.items():
        headers[name.lower()] = value
    for name, variable in provider.env_http_headers.items():
        if value := env.get(variable, "").strip():
            headers[name.lower()] = value
    return Site(
        provider_id=provider_id,
        provider=provider,
        base_url=base_url,
        headers=tuple(headers.items()),
        key_hint=_key_hint(provider_id, provider),
    )


def _key(provider: Provider, env: Mapping[str, str]) -> str:
    wanted = [name for name in (provider.env_key,) if name]
    if provider.requires_openai_auth:
        wanted.append(OPENAI_KEY)
    for name in wanted:
        if key := env.get(name, "").strip():
            return key
    if provider.experimental_bearer_token or not wanted:
        return provider.experimental_bearer_token or ""
    told = provider.env_key_instructions
    raise ConfigError(
        f"Missing environment variable: `{wanted[0]}`.{f' {told}' if told else ''}"
    )


def _key_hint(provider_id: str, provider: Provider) -> str:
    if provider.env_key:
        return f"Check the key in the environment variable {provider.env_key}."
    if provider.experimental_bearer_token:
        table = f"model_providers.{provider_id}"
        return f"Check {table}.experimental_bearer_token."
    if provider.requires_openai_auth:
        return f"Check the key in the environment variable {OPENAI_KEY}."
    return (
        f"Set model_providers.{provider_id}.env_key to the name of the environment "
        "variable that holds the key."
    )


def endpoint(site: Site, path: str, client: Client, pause: Pause) -> "Endpoint":
    """Return the URL of ``path`` at a site, ready to be asked."""
    return Endpoint(
        site=site,
        path=path,
        client=client,
        pause=pause,
        url=site.url(path),
        headers=tuple((_JSON_TO_EVENTS | dict(site.headers)).items()),
        nearby=urls.is_loopback(site.host),
        local=site.local,
        alive=site.url("/models"),
    )


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One URL of a site that models are asked at."""

    site: Site
    path: str
    client: Client
    pause: Pause
    url: str
    """Query and all."""
    headers: tuple[tuple[str, str], ...]
    nearby: bool
    """Whether the server is on this machine."""
    local: bool
    """Whether it may be silent for as long as it reads a prompt."""
    alive: str
    """What it is asked meanwhile."""

    def asked(self, model: str) -> Asked:
        """Return what messages say of a request for ``model``."""
        return Asked(
            provider=self.site.provider_id,
            base_url=self.site.base_url,
            url=f"{self.site.base_url}{self.path}",
            model=model,
            key_hint=self.site.key_hint,
            verbatim=self.site.provider.wire_api == "responses",
        )

    def ask(
        self, model: str, body: bytes, note: Callable[[Fact], None] = lambda _: None
    ) -> Coroutine[None, None, Reply]:
        """Return the 200 that answers ``body``; its stream has yet to be read.

        Retries what may be retried before an answer; raises ``ModelError`` for the
        rest.
        """

        def failed(error: ModelError) -> None:
            note(Retried(reason=str(error), delay_s=error.delay_s or 0))

        return retrying(
            partial(self._ask, model, body, note),
            limit=self.site.provider.request_max_retries,
            nearby=self.nearby,
            pause=self.pause,
            failed=failed,
        )

    def _ask(
        self, model: str, body: bytes, note: Callable[[Fact], None]
    ) -> Coroutine[None, None, Reply]:
        ask = partial(self._open, model, body)
        return revived(self.site.reviver, body, ask, note)

    async def _open(self, model: str, body: bytes) -> Reply:
        idle_s = self.site.provider.stream_idle_timeout_ms / 1000
        headers, silent = self.site.headers, None
        if self.local:
            silent = patience(self.client, self.alive, headers, idle_s)
        reply = await self.client.open(
            "POST",
            self.url,
            headers=self.headers,
            body=body,
            idle_s=idle_s,
            first_byte_s=idle_s,
            patience=silent,
        )
        if reply.status == _OK:
            return reply
        told = await reply.read(MAX_REFUSAL_BYTES)
        raise refusal(self.asked(model), reply.status, reply.headers, told)


async def revived(
    reviver: Reviver | None,
    body: bytes,
    ask: Callable[[], Coroutine[None, None, Reply]],
    note: Callable[[Fact], None],
) -> Reply:
    """Return what ``ask`` answers to ``body``, its server started if need be.

    A server that ends over it before it answers is a ``StreamCut``: no connection to it
    can be made then either, but the next try has it started.
    """
    if reviver is None:
        return await ask()
    over = await reviver.ready(body, note)
    try:
        reply = await ask()
    except (StreamCut, Unreachable) as error:
        over(True)
        if ended := await reviver.ended():
            raise StreamCut(ended) from error
        raise
    except BaseException:
        over(False)
        raise
    reply.at_end(over)
    return reply
