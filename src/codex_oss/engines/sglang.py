"""The lines that start SGLang, on one machine or on several.

Source: SGLang 0.5.23, ``python -m sglang.launch_server --help``. It needs no Ray: every
machine gets the same line with its own rank.
"""

from codex_oss.engines.launch import Launch, Line, check
from codex_oss.errors import EngineError

JOIN_PORT = 20000
"""Where the machines find the head."""


def lines(launch: Launch) -> list[Line]:
    """Return the lines, the head's first.

    Raises ``EngineError`` for what cannot be laid out.
    """
    check(launch)
    if launch.ray:
        raise EngineError(
            "SGLang's machines find each other without Ray", hint="Leave out --ray."
        )
    return [_serve(launch, rank) for rank in range(max(len(launch.nodes), 1))]


def _serve(launch: Launch, rank: int) -> Line:
    words = ["python3", "-m", "sglang.launch_server", "--model-path", launch.model]
    words += ["--host", launch.host, "--port", str(launch.port)]
    if launch.served:
        words += ["--served-model-name", launch.served]
    if launch.tensor > 1:
        words += ["--tensor-parallel-size", str(launch.tensor)]
    if launch.pipeline > 1:
        words += ["--pipeline-parallel-size", str(launch.pipeline)]
    if launch.context:
        words += ["--context-length", str(launch.context)]
    if launch.parsers.tools:
        words += ["--tool-call-parser", launch.parsers.tools]
    if launch.parsers.reasoning:
        words += ["--reasoning-parser", launch.parsers.reasoning]
    if launch.key_env:
        words += ["--api-key", f"${launch.key_env}"]
    if len(launch.nodes) > 1:
        words += ["--nnodes", str(len(launch.nodes)), "--node-rank", str(rank)]
        words += ["--dist-init-addr", f"{launch.nodes[0]}:{JOIN_PORT}"]
    return Line(node=rank, argv=(*words, *launch.more))
