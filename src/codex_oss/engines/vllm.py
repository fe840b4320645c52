"""The lines that start vLLM: one machine, several by Ray, several without.

Source: vLLM 0.33, ``vllm serve --help`` and its guide to several machines. Every
machine needs the same version, the same path to the model, and its own address in
``VLLM_HOST_IP``, by which the machines talk to each other.
"""

from codex_oss.engines.launch import Launch, Line, check

RAY_PORT = 6379
KEY = "VLLM_API_KEY"
"""The variable that vLLM reads its key from; an option would be seen in ``ps``."""


def lines(launch: Launch) -> list[Line]:
    """Return the lines in the order in which to type them.

    Raises ``EngineError`` for sizes that cannot be laid out.
    """
    check(launch)
    if len(launch.nodes) <= 1:
        return [_serve(launch, 0, ())]
    if launch.ray:
        return [*_ray(launch), _serve(launch, 0, ())]
    count, head = len(launch.nodes), launch.nodes[0]
    return [
        _serve(
            launch,
            rank,
            (
                *("--nnodes", str(count), "--node-rank", str(rank)),
                *("--master-addr", head),
                *(("--headless",) if rank else ()),
            ),
        )
        for rank in range(count)
    ]


def _ray(launch: Launch) -> list[Line]:
    """Return the lines that make one cluster of the machines."""
    head = launch.nodes[0]
    started = [
        Line(
            node=0,
            env=(("VLLM_HOST_IP", head),),
            argv=(
                *("ray", "start", "--head"),
                *(f"--node-ip-address={head}", f"--port={RAY_PORT}"),
            ),
            kind="cluster",
        )
    ]
    for rank, address in enumerate(launch.nodes[1:], 1):
        argv = ("ray", "start", f"--address={head}:{RAY_PORT}")
        started.append(
            Line(
                node=rank,
                env=(("VLLM_HOST_IP", address),),
                argv=(*argv, f"--node-ip-address={address}"),
                kind="cluster",
            )
        )
    wait = f"go on when it lists {len(launch.nodes)} nodes"
    return [*started, Line(argv=("ray", "status"), kind="look", note=wait)]


def _serve(launch: Launch, rank: int, where: tuple[str, ...]) -> Line:
    env: list[tuple[str, str]] = []
    if launch.nodes:
        env.append(("VLLM_HOST_IP", launch.nodes[rank]))
    if launch.key_env and launch.key_env != KEY:
        env.append((KEY, f"${launch.key_env}"))
    return Line(
        node=rank,
        env=tuple(env),
        argv=("vllm", "serve", launch.model, *_options(launch), *where, *launch.more),
    )


def _options(launch: Launch) -> list[str]:
    words = ["--host", launch.host, "--port", str(launch.port)]
    if launch.served:
        words += ["--served-model-name", launch.served]
    if launch.tensor > 1:
        words += ["--tensor-parallel-size", str(launch.tensor)]
    if launch.pipeline > 1:
        words += ["--pipeline-parallel-size", str(launch.pipeline)]
    if launch.ray:
        words += ["--distributed-executor-backend", "ray"]
    if launch.context:
        words += ["--max-model-len", str(launch.context)]
    if launch.parsers.tools:
        words += ["--enable-auto-tool-choice"]
        words += ["--tool-call-parser", launch.parsers.tools]
    if launch.parsers.reasoning:
        words += ["--reasoning-parser", launch.parsers.reasoning]
    return words
