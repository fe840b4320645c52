"""The tools of a session, as its configuration and its model want them."""

from codex_oss import __version__
from codex_oss.agent import context
from codex_oss.ports import Tool
from codex_oss.sandbox.run import Sandbox
from codex_oss.tools import shell
from codex_oss.tools.environment import command_env
from codex_oss.tools.placement import Placement
from codex_oss.tools.plan import UpdatePlan
from codex_oss.tools.seen import Watched
from codex_oss.tools.sessions import Sessions
from codex_oss.tools.view_image import ViewImage
from codex_oss.wiring.editing import Editing
from codex_oss.wiring.limits import max_output
from codex_oss.wiring.permissions import Job, key_variables
from codex_oss.wiring.world import SystemClock, shell_path

_READING = ("exec_command", "write_stdin", "view_image")
"""Tools that help to understand a program without changing it."""


def reviewing(offered: list[Tool], profile: context.PromptProfile) -> list[Tool]:
    """Return the tools for a review; small models get along with the diff."""
    if profile == "lite":
        return []
    return [tool for tool in offered if tool.spec.name in _READING]


def tools(
    job: Job,
    profile: context.PromptProfile,
    thread_id: str,
    editing: Editing,
    confining: Sandbox,
    window: int | None = None,
) -> tuple[list[Tool], Sessions]:
    """Return the tools, and the commands that outlive their calls.

    Closing the tools ends these.
    """
    config, permit = job.loaded.config, editing.permit
    settings = shell.Settings(
        shell=shell_path(job.env),
        env=command_env(
            job.env,
            config.shell_environment_policy,
            secrets=key_variables(config),
            thread_id=thread_id,
            version=__version__,
        ),
        allow_login=config.allow_login_shell,
        max_output_bytes=max_output(config, window),
        max_poll_ms=config.background_terminal_max_timeout,
    )
    # What the person sets for commands they get, keys or not.
    given = config.shell_environment_policy.set
    held = frozenset(key_variables(config)) - given.keys()
    placement = Placement(permit, confining, settings.env, held)
    commands = shell.Shell(
        permit, placement, settings, clock=SystemClock(), edits=editing.edits
    )
    run, write = commands.tools()
    watched = Watched(run, editing.seen) if editing.seen else run
    switched = config.features
    shell_tools = [watched, write] if switched.get("shell_tool", True) else []
    offered: list[Tool] = [*shell_tools, *editing.tools]
    if profile == "full":
        if config.tools.update_plan.enabled:
            offered.append(UpdatePlan())
        if switched.get("view_image", True):
            offered.append(ViewImage(permit.permissions.deny_read))
    return offered, commands.sessions
