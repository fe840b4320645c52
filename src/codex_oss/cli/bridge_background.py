"""``codex-oss bridge start|stop|restart|status|logs``: a bridge in the background."""

import asyncio
import sys

from codex_oss.bridge.health import Replica
from codex_oss.bridge.service import asking, daemon
from codex_oss.bridge.service import log as logs
from codex_oss.bridge.service.asking import Report
from codex_oss.bridge.service.state import Instance
from codex_oss.bridge.service.variables import from_anywhere
from codex_oss.cli.bridge_arguments import words_of
from codex_oss.cli.bridge_call import Call, note, program, say
from codex_oss.config.home import user_home
from codex_oss.errors import CodexOssError, ConfigError, ModelError
from codex_oss.process import detached

FOLLOW_S = 0.25
"""Between two looks at a log that is followed."""


def start(call: Call) -> int:
    """Serve in the background."""
    return _started(call, words_of(call.options))


def stop(call: Call) -> int:
    """End the bridge in the background."""
    instance = instance_of(call)
    if instance is None:
        say(f"no bridge runs in the background on port {call.settings.port}")
        return 0
    say(end(call, instance))
    return 0


def restart(call: Call) -> int:
    """Stop a bridge, and start it as it was started or as the options say now."""
    words, instance = words_of(call.options), instance_of(call)
    if instance is not None:
        _need_its_key(call, instance)
        say(end(call, instance))
        only_port = ["--listen-port", str(call.settings.port)]
        words = instance.arguments if words in ([], only_port) else words
    return _started(call, words)


def _need_its_key(call: Call, instance: Instance) -> None:
    """Raise ``ConfigError`` where a bridge with a key would come back without one."""
    if call.settings.key:
        return
    page = instance.url + asking.METRICS
    try:
        status, _ = call.ask(lambda client: asking.fetch(page, client))
    except ModelError:
        return
    if status == asking.LOCKED:
        name = call.loaded.config.bridge.listen_key_env
        raise ConfigError(
            f"the bridge at {instance.url} has a key, and {name} is not set",
            hint=f"Set {name}; to serve without a key from now on: "
            f"codex-oss bridge stop{call.at}, then start.",
        )


def status(call: Call) -> int:
    """Print every bridge that is known; exit code 1 when none answers."""
    here, known = call.settings.url(), {each.url: each for each in call.shelf.all()}
    if call.options.listen_port is not None:
        known = {url: known[url] for url in (here,) if url in known}
    urls = list(dict.fromkeys((*known, here)))
    found = call.ask(lambda client: asking.ask_all(urls, client, call.settings.key))
    for url, report in zip(urls, found, strict=True):
        # One that is not known may run in a terminal, or with the login.
        if url in known or report is not None or not known:
            say(_status_of(call, url, known.get(url), report))
    return 0 if any(found) else 1


def show_log(call: Call) -> int:
    """Print the log's end, and with ``-f`` what comes."""
    path = call.shelf.log(call.settings.port)
    if not path.exists():
        raise CodexOssError(
            f"there is no log of a bridge on port {call.settings.port}",
            hint="A bridge in the foreground writes to its terminal; "
            "`codex-oss bridge start` keeps a log.",
        )
    tail = logs.Tail(path)
    sys.stdout.write(logs.last_lines(path, call.options.lines))
    if call.options.follow:
        asyncio.run(_follow(tail))
    tail.close()
    return 0


def _started(call: Call, words: list[str]) -> int:
    settings, shelf = call.settings, call.shelf
    wanted = daemon.Start(
        program=program(),
        arguments=words,
        listen=settings.listen,
        port=settings.port,
        url=settings.url(),
        key=settings.key,
        env=from_anywhere(call.env),
        cwd=user_home(call.env),
    )
    found = call.ask(lambda client: daemon.start(shelf, wanted, client))
    pid = found.instance.process.pid
    if found.already:
        say(f"a bridge runs already: {settings.url()} (process {pid})")
        say("To change how it runs: codex-oss bridge restart, with other options")
        return 0
    if found.report is None:
        say(f"the bridge is still loading (process {pid})")
        say(f"Watch it: codex-oss bridge logs -f{call.at}")
        return 0
    say(f"{settings.url()} serves in front of {found.report.upstream} (process {pid})")
    if not (found.report.locked or found.report.upstream_reachable):
        say("That server does not answer yet; the bridge asks it with each request.")
    return 0


def end(call: Call, instance: Instance) -> str:
    """End a bridge in the background and return what to say of it."""
    ran = daemon.stop(call.shelf, instance)
    pid = instance.process.pid
    if ran:
        return f"stopped {instance.url} (process {pid})"
    return f"process {pid} had ended already"


def instance_of(call: Call) -> Instance | None:
    """Return the bridge on the port of the options; tell of bridges on others."""
    shelf, settings = call.shelf, call.settings
    found = shelf.read(settings.port)
    if found is not None:
        return found
    report = call.ask(lambda client: asking.ask(settings.url(), client, settings.key))
    if report is not None:
        hint = "End it where it runs, with Ctrl-C."
        if call.keeper.file(call.unit).exists():
            until = call.keeper.stop(call.unit)
            hint = (
                f"It is installed. To end it until the next login: {until}; "
                f"for good: codex-oss bridge uninstall{call.at}"
            )
        raise CodexOssError(
            f"the bridge at {settings.url()} was not started by "
            "`codex-oss bridge start`",
            hint=hint,
        )
    others = [each.port for each in shelf.all() if detached.runs(each.process)]
    if others:
        listed = ", ".join(map(str, others))
        note(f"Bridges run on other ports: {listed} (choose with --listen-port)")
    return None


async def _follow(tail: logs.Tail) -> None:
    while True:
        sys.stdout.write(tail.read())
        sys.stdout.flush()
        await asyncio.sleep(FOLLOW_S)


def _status_of(
    call: Call, url: str, instance: Instance | None, report: Report | None
) -> str:
    runs = instance is not None and detached.runs(instance.process)
    process = f", process {instance.process.pid}" if runs and instance else ""
    if report is None:
        told = "runs but does not answer" if runs else "does not run"
        return f"{url}  {told}{process}"
    if report.locked:
        return f"{url}  runs{process}, and tells more to who sends its key"
    reached = "reachable" if report.upstream_reachable else "NOT REACHABLE"
    models = len(report.models)
    counted = f"{models} model{'' if models == 1 else 's'}"
    lines = [
        f"{url}  runs{process}, version {report.version}, up {_span(report.uptime_s)}",
        f"  requests  {report.in_flight} in flight",
        f"  upstream  {report.upstream} ({reached}, {counted})",
        *map(_replica, report.replicas),
    ]
    log = call.shelf.log(instance.port if instance else call.settings.port)
    if log.exists():
        lines.append(f"  log       {log}")
    return "\n".join(lines)


def _replica(one: Replica) -> str:
    counted = f"{one.in_flight} in flight, {one.asked} so far"
    why = f": {one.said}" if one.said else ""
    return f"  server    {one.url} {one.state} ({counted}){why}"


def _span(seconds: float) -> str:
    minutes, hours = int(seconds) // 60, int(seconds) // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"
