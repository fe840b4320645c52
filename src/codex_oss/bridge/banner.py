"""What a bridge says when it begins to serve: where it is, and how to use it."""

from codex_oss.bridge.service.asking import INSPECTOR
from codex_oss.bridge.settings import CODEX_PROFILE, BridgeSettings
from codex_oss.config.masking import mask_url
from codex_oss.config.schema import Bridge

DEFAULT_PORT = Bridge().listen_port
WIRES = {
    "auto": "asked how it wants to be spoken to",
    "native": "Ollama's own API",
    "chat": "Chat Completions",
    "responses": "Responses",
}


def banner(settings: BridgeSettings, port: int, engine: str = "") -> str:
    """Return the lines; ``port`` is the one it got.

    ``engine`` says who serves, where the settings name no server.
    """
    url = settings.url(port)
    rows = [("listening on", f"{url}/v1"), ("upstream", _upstream(settings, engine))]
    if settings.context_length is not None:
        rows.append(("context", f"{settings.context_length} tokens"))
    if settings.diet != "off":
        rows.append(("diet", f"{settings.diet} (for the Codex CLI)"))
    rows.append(("inspector", f"{url}{INSPECTOR}"))
    at = "" if port == DEFAULT_PORT else f" --listen-port {port}"
    model = f" -m {settings.model}" if settings.model and not settings.engine else ""
    lines = [
        *(f"{name + ':':<14}{value}" for name, value in rows),
        f"Codex, once:  codex-oss bridge codex-config --write{at}{model}",
        f"then:         codex -p {CODEX_PROFILE}",
    ]
    return "".join(f"{line}\n" for line in lines)


def _upstream(settings: BridgeSettings, engine: str) -> str:
    base_url = settings.provider.base_url
    if base_url is None:
        return engine
    return f"{mask_url(base_url)} ({WIRES[settings.wire]})"
