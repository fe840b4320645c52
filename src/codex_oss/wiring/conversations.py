"""Sessions for the MCP server: from the arguments of a tool call, or from a file."""

import sys
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET
from msgspec.structs import replace

from codex_oss.config import load
from codex_oss.config.overrides import read_key
from codex_oss.engines.base import Consent
from codex_oss.errors import CodexOssError, ConfigError, SessionError
from codex_oss.mcp_server.calls import CodexCall
from codex_oss.mcp_server.conversation import Client, Opened
from codex_oss.mcp_server.threads import not_found
from codex_oss.policy import (
    PROTECTED_NAMES,
    ApprovalPolicy,
    Granular,
    Permissions,
)
from codex_oss.sessions import reading
from codex_oss.sessions.kept import Kept
from codex_oss.tools.permit import Permit
from codex_oss.wiring.permissions import Front, Job, approval_summary
from codex_oss.wiring.pool import Pool, Share
from codex_oss.wiring.session import Opened as SessionOpened
from codex_oss.wiring.session import open_session
from codex_oss.wiring.warming import Warming
from codex_oss.wiring.world import shell_path

Flags = dict[str, tuple[str, Any]]
Load = Callable[[Flags, str | None, Path], load.Loaded]
"""Loads the configuration with more values, by dotted key, and another profile, for
work in a folder."""

FRONT = Front(originator="codex_oss_mcp", source="mcp", client="codex_mcp_server")


class Conversations:
    """Makes sessions (``mcp_server.threads.Opener``)."""

    def __init__(self, read: Load, env: Mapping[str, str], consent: Consent) -> None:
        """Take what loads a configuration, and who consents to what engines need."""
        self._read = read
        self._env = env
        self._consent = consent
        self._engines = Pool(env)
        self._warming = Warming()

    def warm(self, asks: bool) -> None:  # noqa: FBT001  all that is told
        """Have the model read what a conversation begins with, while nobody calls.

        ``asks`` is as for ``open``: the tools are other ones where nobody is asked.
        """
        self._warming.begin(partial(self._ahead, asks=asks))

    async def _ahead(self, *, asks: bool) -> SessionOpened | None:
        # With all that finds servers: only after a client has listed the tools.
        from codex_oss.wiring.ahead import open_ahead  # noqa: PLC0415

        cwd = _folder(".")
        loaded = self._loaded(CodexCall(prompt=""), cwd)
        job = Job(
            loaded=loaded,
            cwd=cwd,
            env=self._env,
            approver=Client(),
            alone=_approval(loaded, asks=asks) == "never",
            front=FRONT,
        )
        return await open_ahead(job)

    async def open(self, call: CodexCall, client: Client, *, asks: bool) -> Opened:
        """Return a session as the arguments want it. Raises ``CodexOssError``."""
        return await self._open(call, client, None, asks=asks)

    async def resume(self, thread_id: str, client: Client, *, asks: bool) -> Opened:
        """Return the session of an earlier process, with the arguments it had."""
        home = load.codex_home(self._env)
        path = reading.find(home, thread_id)
        if path is None:
            raise not_found(thread_id)
        kept = reading.take(home, path, thread_id)
        try:
            return await self._open(_arguments(kept), client, kept, asks=asks)
        except BaseException:
            if kept.lock is not None:
                kept.lock.release()
            raise

    async def close(self) -> None:
        """End the engines, those of conversations that are still open as well."""
        await self._warming.end()
        await self._engines.close()

    async def _open(
        self,
        call: CodexCall,
        client: Client,
        kept: Kept | None,
        *,
        asks: bool,
    ) -> Opened:
        try:
            cwd = _folder(call.cwd or ".")
            loaded = self._loaded(call, cwd)
        except ConfigError as error:
            words = "Failed to load Codex configuration from overrides"
            raise CodexOssError(f"{words}: {error.report()}") from error
        await self._warming.end()
        told = {"prompt": "", "cwd": str(cwd)}
        engines = self._engines.share()
        job = Job(
            loaded=loaded,
            cwd=cwd,
            env=self._env,
            approver=client,
            alone=_approval(loaded, asks=asks) == "never",
            consent=self._consent,
            engines=engines,
            front=replace(FRONT, arguments=msgspec.to_builtins(call) | told),
            kept=kept,
        )
        opened = await open_session(job, sys.stderr)
        model = dict(opened.description)["model"]
        return Opened(
            session=opened.session,
            cwd=str(cwd),
            shell=shell_path(self._env),
            configured={
                "model": model,
                "model_provider_id": loaded.provider_id,
                "approval_policy": approval_summary(opened.permissions),
                "approvals_reviewer": "user",
                "permission_profile": profile(opened.permissions),
                "cwd": str(cwd),
                "rollout_path": str(opened.rollout) if opened.rollout else None,
            },
            warnings=opened.warnings,
            prompt=lambda text: opened.prompt(text, []),
            asking=_asking(opened.permit, loaded),
            close=opened.close,
            usable=_usable(engines, opened),
            rest=opened.file.rest if opened.file is not None else bool,
        )

    def _loaded(self, call: CodexCall, cwd: Path) -> load.Loaded:
        flags: Flags = {}
        for key, value in (call.config or {}).items():
            if read_key(key) is None:
                raise ConfigError(f"`{key}` is not a dotted key")
            if value is not None:
                flags[key] = ("config", value)
        named = {
            "model": call.model,
            "approval_policy": call.approval_policy,
            "sandbox_mode": call.sandbox,
            "instructions": call.base_instructions,
            "developer_instructions": call.developer_instructions,
            "compact_prompt": call.compact_prompt,
        }
        words = {"sandbox_mode": "sandbox", "instructions": "base-instructions"}
        for key, value in named.items():
            if value is not UNSET:
                flags[key] = (words.get(key, key.replace("_", "-")), value)
        loaded = self._read(flags, call.profile or None, cwd)
        if call.base_instructions is UNSET:
            return loaded
        config = replace(loaded.config, model_instructions_file=None)
        return replace(loaded, config=config)


def _usable(engines: Share, opened: SessionOpened) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether a conversation can go on as it is open here."""

    async def usable() -> bool:
        moved = opened.file is not None and opened.file.moved()
        return not moved and await engines.lives()

    return usable


def profile(allowed: Permissions) -> dict[str, Any]:
    """Return what commands may do, as ``session_configured`` of Codex 0.148 has it."""
    if allowed.mode == "danger-full-access":
        return {"type": "disabled"}
    entries = [_entry({"type": "special", "value": {"kind": "root"}}, "read")]
    if allowed.mode == "workspace-write":
        roots = [*allowed.writable_roots, *allowed.scratch]
        entries += [_entry({"type": "path", "path": root}, "write") for root in roots]
        entries += [
            _entry({"type": "path", "path": f"{root}/{name}"}, "read")
            | {"missing_path_behavior": "skip"}
            for root in allowed.writable_roots
            for name in PROTECTED_NAMES
        ]
    files = {"type": "restricted", "entries": entries}
    network = "enabled" if allowed.network else "restricted"
    return {"type": "managed", "file_system": files, "network": network}


def _entry(path: dict[str, Any], access: str) -> dict[str, Any]:
    return {"path": path, "access": access}


def _arguments(kept: Kept) -> CodexCall:
    """Return the arguments that a conversation was begun with.

    One that no MCP client began has the server's own settings, in its folder.
    """
    given = kept.meta.get("arguments")
    if given is None:
        return CodexCall(prompt="", cwd=str(kept.meta.get("cwd") or "."))
    try:
        return msgspec.convert(given, CodexCall)
    except msgspec.ValidationError as error:
        raise SessionError(f"the session {kept.path} is damaged: {error}") from error


def _folder(given: str) -> Path:
    path = Path(given)
    try:
        found = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"cannot use folder `{path}`: {why}") from error
    if not found.is_dir():
        raise ConfigError(f"cannot use folder `{path}`: it is not a folder")
    return found


def _asking(permit: Permit, loaded: load.Loaded) -> Callable[[bool], None]:
    """Return what makes the policy fit whether a person can be asked."""

    def asking(asks: bool) -> None:  # noqa: FBT001  all that is told
        approval = _approval(loaded, asks=asks)
        permit.permissions = replace(permit.permissions, approval=approval)

    return asking


def _approval(loaded: load.Loaded, *, asks: bool) -> ApprovalPolicy | Granular:
    """Return the policy where a person can be asked, and where nobody can.

    ``untrusted`` lets less pass than ``never``: it stays, and the client says no.
    """
    policy = load.approval_policy(loaded.config)
    return policy if asks or policy == "untrusted" else "never"
