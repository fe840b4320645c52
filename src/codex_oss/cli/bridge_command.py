"""``codex-oss bridge``: serves here and now, or hands the action on."""

import argparse
import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from codex_oss.bridge.banner import banner
from codex_oss.bridge.service.port import require_free
from codex_oss.cli import garbage
from codex_oss.cli.bridge_call import Call, read_call
from codex_oss.cli.consent import consent
from codex_oss.cli.loop import fast_loop
from codex_oss.errors import CodexOssError

if TYPE_CHECKING:
    from codex_oss.wiring.bridge import Bridge


def run(options: argparse.Namespace) -> int:
    """Do what the action says and return the exit code."""
    if options.action == "run":
        return _run(options)
    # Serving does without all of these, and they without what serves.
    from codex_oss.cli import (  # noqa: PLC0415
        bridge_background,
        bridge_codex,
        bridge_login,
    )

    actions = {
        "start": bridge_background.start,
        "stop": bridge_background.stop,
        "restart": bridge_background.restart,
        "status": bridge_background.status,
        "logs": bridge_background.show_log,
        "install": bridge_login.install,
        "uninstall": bridge_login.uninstall,
        "codex-config": bridge_codex.print_codex_config,
        "inspect": bridge_codex.inspect,
    }
    return actions[options.action](read_call(options, os.environ))


def _run(options: argparse.Namespace) -> int:
    env = dict(os.environ)
    if options.env_file is not None:
        from codex_oss.bridge.service.variables import (  # noqa: PLC0415  a login's only
            read_variables,
        )

        env |= read_variables(Path(options.env_file))
    if options.log_file is None:
        return _serve(read_call(options, env), sys.stderr)
    from codex_oss.bridge.service.log import Log  # noqa: PLC0415  `start` and logins'

    try:
        log = Log(Path(options.log_file))
    except OSError as error:
        raise CodexOssError(
            f"cannot write the log {options.log_file}: {error.strerror}"
        ) from error
    # What is said from now on, the interpreter's own words included, stands there.
    sys.stdout = sys.stderr = log
    return _serve(read_call(options, env), log)


def _serve(call: Call, err: TextIO) -> int:
    # Only who serves pays for what serves.
    from codex_oss.wiring.bridge import serve  # noqa: PLC0415

    wanted = call.settings

    def listening(bridge: "Bridge") -> None:
        garbage.collect()
        if not wanted.quiet:
            err.write(banner(wanted, bridge.listener.port, bridge.engine))
            err.flush()

    async def until_told() -> int:
        await require_free(wanted.listen, wanted.port, call.env, wanted.key)
        return await serve(
            wanted,
            call.loaded,
            call.env,
            err,
            listening,
            consent(yes=call.options.yes, asks=True, err=err),
        )

    if not wanted.quiet:
        err.writelines(f"warning: {warning}\n" for warning in call.loaded.warnings)
    with asyncio.Runner(loop_factory=fast_loop(tls=wanted.tls)) as runner:
        return runner.run(until_told())
