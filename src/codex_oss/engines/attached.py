"""A server that somebody else runs, taken as it is: nothing is started or loaded."""

from collections.abc import AsyncGenerator

from codex_oss.engines.base import EngineEvent, EngineName, Found, Options, Ready
from codex_oss.engines.choose import NAMES
from codex_oss.errors import EngineError

HOW: dict[EngineName, str] = {
    "lmstudio": "lms server start",
    "llamacpp": "llama-server -m model.gguf --jinja",
    "vllm": "vllm serve MODEL --enable-auto-tool-choice --tool-call-parser PARSER",
    "sglang": "python -m sglang.launch_server --model-path M --tool-call-parser auto",
}
"""What starts a server; its own documentation says more."""


class Attached:
    """The server of ``options.found``."""

    reviver = None

    def __init__(self, engine: EngineName, options: Options) -> None:
        self._engine: EngineName = engine
        self._found = options.found
        self._url = options.url

    async def ensure(self, model: str | None) -> AsyncGenerator[EngineEvent]:
        """Yield ``Ready`` for ``model``; None: the first one that the server has."""
        found = self._found
        if found is None:
            how = HOW.get(self._engine)
            raise EngineError(
                f"{NAMES[self._engine]} does not answer at {self._url}",
                hint=f"Start it (`{how}`), or look at what runs: `codex-oss engines`."
                if how
                else "Look at what runs: `codex-oss engines`.",
            )
        yield ready(found, model)

    async def close(self) -> None:
        """Do nothing: the server is not ours."""


def ready(found: Found, model: str | None) -> Ready:
    """Return what a running server has; raises ``errors.EngineError`` for nothing."""
    known = next((m for m in found.models if model in (None, m.name)), None)
    name = model or (known.name if known else None)
    if name is None:
        raise EngineError(
            f"the server at {found.url} names no model"
            + (f": {found.note}" if found.note else ""),
            hint="Name one with -m."
            if not found.note
            else "Set `env_key` of its provider to the variable with the key.",
        )
    return Ready(
        base_url=f"{found.url}/v1",
        model=name,
        context_window=known.loaded if known else None,
        api_key=None,
        server=found.server,
        on_gpu=known.on_gpu if known else None,
        supports_tools=known.tools if known else None,
    )
