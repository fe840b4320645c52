"""``codex-oss bridge codex-config|inspect``: what uses a running bridge."""

import sys

import msgspec

from codex_oss.bridge import catalog, codex_config
from codex_oss.bridge.codex_config import Access
from codex_oss.bridge.service import asking
from codex_oss.bridge.settings import CODEX_PROFILE
from codex_oss.cli.bridge_call import Call, none_answers, note, say
from codex_oss.errors import CodexOssError, ModelError
from codex_oss.wire.json_text import NOT_JSON

_OK = 200


class _Error(msgspec.Struct, frozen=True):
    message: str


class _Refused(msgspec.Struct, frozen=True):
    """The bridge's own error object."""

    error: _Error


def print_codex_config(call: Call) -> int:
    """Print what the Codex CLI needs to use the bridge, or write it."""
    call.need_port()
    url, options = call.settings.url(), call.options
    try:
        models = catalog.decode(_catalogue(call))
    except msgspec.DecodeError as error:
        raise CodexOssError(
            f"{url}/v1/models is not the list of a codex-oss bridge: {error}"
        ) from error
    model = codex_config.choose(models, options.model, url)
    key_env = call.loaded.config.bridge.listen_key_env if call.settings.key else None
    access, home = Access(url=url, key_env=key_env), call.loaded.home
    if not options.write:
        file = home / codex_config.CATALOG_FILE
        sys.stdout.write(codex_config.profile(model, access, file))
        note(f"--write puts this into {home / CODEX_PROFILE}.config.toml and")
        note(f"the catalogue of its models into {file}.")
        return 0
    for written in codex_config.write(home, model, access, models):
        kept = f" (the one before: {written.backup})" if written.backup else ""
        say(f"wrote {written.path}{kept}")
    windows = {each.slug: each.context_window for each in models}
    say(f"Model {model}, {windows[model]} tokens of context. Others: -m NAME.")
    say(f"Now: codex -p {CODEX_PROFILE}")
    return 0


def inspect(call: Call) -> int:
    """Open the page that shows requests."""
    url = call.settings.url()
    report = call.ask(lambda client: asking.ask(url, client, call.settings.key))
    if report is None:
        raise none_answers(url)
    page = url + asking.INSPECTOR
    say(page)
    if sys.stdout.isatty() and not call.settings.quiet:
        import webbrowser  # noqa: PLC0415  only where somebody sees it

        webbrowser.open(page)
    return 0


def _catalogue(call: Call) -> bytes:
    url, key = call.settings.url(), call.settings.key
    path = f"{url}/v1/models?client_version=0"
    try:
        status, body = call.ask(lambda client: asking.fetch(path, client, key))
    except ModelError as error:
        raise none_answers(url) from error
    if status == asking.LOCKED:
        raise CodexOssError(
            f"the bridge at {url} asks for a key",
            hint="Set the variable that it was started with: CODEX_OSS_BRIDGE_KEY, or "
            "the one of `bridge.listen_key_env`.",
        )
    if status != _OK:
        raise _refused(url, status, body)
    return body


def _refused(url: str, status: int, body: bytes) -> CodexOssError:
    try:
        said = msgspec.json.decode(body, type=_Refused).error.message
    except NOT_JSON:
        return CodexOssError(
            f"what answers at {url} is no codex-oss bridge (status {status})",
            hint="Start one: codex-oss bridge start (or choose another by "
            "--listen-port).",
        )
    return CodexOssError(
        f"the bridge at {url} cannot list its models: {said}",
        hint="The profile names the models of the server behind the bridge, so that "
        "server must answer. See: codex-oss bridge status",
    )
