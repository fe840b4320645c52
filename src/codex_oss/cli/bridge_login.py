"""``codex-oss bridge install|uninstall``: a bridge that starts with every login."""

from codex_oss.bridge.service import install as installing
from codex_oss.bridge.service.units import Unit
from codex_oss.bridge.service.variables import chosen, write_variables
from codex_oss.cli.bridge_arguments import words_of
from codex_oss.cli.bridge_background import end, instance_of
from codex_oss.cli.bridge_call import Call, program, say


def install(call: Call) -> int:
    """Start the bridge now and with every login."""
    call.need_port()
    keeper, name = call.keeper, call.unit
    installing.check(keeper)
    settings, shelf = call.settings, call.shelf
    if not keeper.file(name).exists():  # then the one that runs is replaced
        instance = instance_of(call)
        if instance is not None:
            say(end(call, instance))
    variables = shelf.variables(settings.port)
    write_variables(variables, chosen(call.env, _keys(call)))
    unit = Unit(
        name=name,
        description=f"codex-oss bridge on port {settings.port}",
        argv=[
            *program(),
            *("bridge", "run", *words_of(call.options)),
            *("--env-file", str(variables)),
            *("--log-file", str(shelf.log(settings.port))),
        ],
        cwd=keeper.home,
        log=shelf.log(settings.port),
    )
    file = installing.install(keeper, unit)
    say(f"{keeper.kind} starts the bridge now and with every login.")
    say(f"wrote {file}")
    say(f"wrote {variables} (its environment, keys included; only you can read it)")
    say(f"Whether it serves: codex-oss bridge status{call.at}")
    say(f"To undo all of it: codex-oss bridge uninstall{call.at}")
    return 0


def _keys(call: Call) -> list[str | None]:
    """Return the variables that may hold a key for the bridge or of its server."""
    provider = call.settings.provider
    return [
        call.loaded.config.bridge.listen_key_env,
        provider.env_key,
        *provider.env_http_headers.values(),
        "CODEX_API_KEY",
        "HF_TOKEN",
    ]


def uninstall(call: Call) -> int:
    """Undo ``install``."""
    file = installing.uninstall(call.keeper, call.unit)
    call.shelf.variables(call.settings.port).unlink(missing_ok=True)
    if file is None:
        say(f"no bridge is installed for port {call.settings.port}")
    else:
        say(f"removed {file}")
    return 0
