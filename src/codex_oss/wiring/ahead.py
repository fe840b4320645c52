"""A session like the next one of the MCP server, for a model that lies ready already.

Nothing is started or loaded for it: only where a server on this machine has it in
memory may it read what the next request will begin with.
"""

import io
from collections.abc import Mapping

from msgspec.structs import replace

from codex_oss.config.builtin import LOCAL
from codex_oss.config.load import Loaded
from codex_oss.engines.base import Installed
from codex_oss.engines.fit import LEAST
from codex_oss.net import Client
from codex_oss.net import url as urls
from codex_oss.wiring.engines import Engines
from codex_oss.wiring.permissions import Job
from codex_oss.wiring.session import Opened, open_session
from codex_oss.wiring.survey import Wanted


async def open_ahead(job: Job) -> Opened | None:
    """Return a session like the next one; None where its model is not in memory here.

    It keeps no file. MCP servers are not started for it; where there are some, their
    tools would be missing in what is read. Raises ``CodexOssError``.
    """
    if job.loaded.config.mcp_servers or not await _lies_ready(job.loaded, job.env):
        return None
    return await open_session(replace(job, ephemeral=True), io.StringIO())


async def _lies_ready(loaded: Loaded, env: Mapping[str, str]) -> bool:
    """Tell whether a server here has the model in memory, as it is wanted."""
    provider_id, provider = loaded.provider_id, loaded.provider
    if provider_id not in LOCAL or provider.base_urls:
        return False
    client = Client(env)
    try:
        wanted = Wanted(provider_id, loaded.config.model)
        seen = await Engines(loaded, env, client).look(wanted)
    finally:
        await client.close()
    url, model = seen.choice.url, seen.installed
    if url is None or model is None or not urls.is_loopback(urls.parse(url).host):
        return False
    return _stays(model, loaded.config.engine.context_length)


def _stays(model: Installed, context_length: int | None) -> bool:
    """Tell whether a loaded model would be used as it is, and not loaded anew."""
    if model.loaded is None:
        return False
    return (
        model.loaded >= LEAST
        if context_length is None
        else (model.loaded == context_length)
    )
