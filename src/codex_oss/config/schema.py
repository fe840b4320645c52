"""Every key of ``config.toml``: one field with its default and its meaning.

The text under a field is what ``docs/reference/config.md`` and the JSON schema say
about the key (``scripts/generate`` reads it from this source). Keys and defaults are
those of the Codex CLI 0.169 unless the text says "codex-oss only".
"""

from typing import Annotated, Any, Literal

import msgspec

from codex_oss.config.builtin import DEFAULT_PROVIDER
from codex_oss.config.model_entry import EditForm, ModelEntry
from codex_oss.config.provider import Provider
from codex_oss.policy import ApprovalPolicy, Granular, SandboxMode

Count = Annotated[int, msgspec.Meta(ge=0)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65535)]
TrustLevel = Literal["trusted", "untrusted"]
Wire = Literal["auto", "native", "chat", "responses"]
Diet = Literal["off", "safe", "aggressive"]


class SandboxWorkspaceWrite(msgspec.Struct, frozen=True, kw_only=True):
    """What ``sandbox_mode = "workspace-write"`` allows besides the workspace."""

    writable_roots: tuple[str, ...] = ()
    """Further directories that commands may write to."""
    network_access: bool = False
    """Whether commands reach the network."""
    exclude_tmpdir_env_var: bool = False
    """Do not make ``$TMPDIR`` writable."""
    exclude_slash_tmp: bool = False
    """Do not make ``/tmp`` writable."""


class SandboxLinux(msgspec.Struct, frozen=True, kw_only=True):
    """How commands are isolated on Linux. codex-oss only."""

    fallback: Literal["landlock", "deny"] = "landlock"
    """Where bubblewrap does not work: ``landlock`` isolates with less (settings in a
    writable folder are not protected, and a person is asked before
    ``workspace-write``); ``deny`` runs nothing."""
    filter: Literal["loopback", "strict"] = "loopback"
    """What commands without network may do with sockets: ``loopback`` lets them talk
    among themselves, so that tests with a local server work; ``strict`` refuses all
    but sockets between a command and its own children."""
    allow_ptrace: bool = False
    """Let debuggers and tracers (``gdb``, ``strace``) work on a command's own
    processes. Only with bubblewrap."""


class GranularApproval(msgspec.Struct, frozen=True, kw_only=True):
    """``approval_policy`` as a table: ``approval_policy = {granular = {…}}``."""

    granular: Granular = Granular()
    """Asks as ``on-request`` does, but not every kind of question."""


class ShellEnvironmentPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Which environment variables commands get."""

    inherit: Literal["all", "core", "none"] = "all"
    """What to start from: everything, only ``HOME``, ``PATH``, ``SHELL``, ``USER``
    and their like, or nothing."""
    ignore_default_excludes: bool = True
    """Keep variables whose names contain ``KEY``, ``SECRET`` or ``TOKEN``."""
    exclude: tuple[str, ...] = ()
    """Patterns of names to remove, such as ``AWS_*``; case does not count."""
    include_only: tuple[str, ...] = ()
    """If not empty, only names that match one of these patterns are kept."""
    set: dict[str, str] = {}
    """Variables to set, after ``exclude``; ``include_only`` still counts."""


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The file of prompts typed at a terminal, for the arrow keys."""

    persistence: Literal["save-all", "none"] = "save-all"
    """Whether prompts are kept in ``history.jsonl``."""
    max_bytes: Count | None = None
    """The file's largest size; the oldest prompts go first. Unset: no limit."""


class UpdatePlan(msgspec.Struct, frozen=True, kw_only=True):
    """The tool by which the model writes down its plan."""

    enabled: bool = True
    """Offer ``update_plan`` to models that get the full prompt. (The Codex CLI 0.169
    does not by default.)"""


class Tools(msgspec.Struct, frozen=True, kw_only=True):
    """Which tools the model is offered."""

    update_plan: UpdatePlan = UpdatePlan()
    """The tool by which the model writes down its plan."""


class SkillChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one skill is used, by its file or its name."""

    path: str | None = None
    """The absolute path of its ``SKILL.md``."""
    name: str | None = None
    """The name in that file."""
    enabled: bool = True
    """Whether it is listed and can be named."""


class Skills(msgspec.Struct, frozen=True, kw_only=True):
    """Instructions for certain tasks: see [AGENTS.md](../guides/agents-md.md)."""

    include_instructions: bool = True
    """Tell the model which skills there are. ``$NAME`` in a prompt brings one along
    anyway."""
    config: tuple[SkillChoice, ...] = ()
    """Which skills are used; those that are not named are."""
    bundled: dict[str, Any] = {}
    """Accepted; has no effect: there are no bundled skills."""


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one directory; its key is the absolute path."""

    trust_level: TrustLevel | None = None
    """Whether the project's own ``.codex/config.toml`` and skills are followed;
    ``untrusted``: nor its ``AGENTS.md``. Counts for all folders of a project whose top
    it names; a folder's own entry counts before it. A project with either entry starts
    in ``workspace-write`` instead of ``read-only``."""


class McpTool(msgspec.Struct, frozen=True, kw_only=True):
    """One tool of an MCP server."""

    approval_mode: Literal["auto", "prompt", "approve"] | None = None
    """When a call of this tool is asked about."""


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server of further tools: a program (``command``) or a URL (``url``)."""

    command: str | None = None
    """The program to start; it speaks MCP on stdin and stdout."""
    args: tuple[str, ...] = ()
    """The program's arguments."""
    env: dict[str, str] = {}
    """Environment variables of the program."""
    env_vars: tuple[str, ...] = ()
    """Names of variables that the program inherits, besides ``HOME``, ``LANG``,
    ``PATH``, ``SHELL``, ``TMPDIR``, ``USER`` and their like."""
    cwd: str | None = None
    """Directory to start the program in."""
    url: str | None = None
    """Address of a server over streamable HTTP."""
    bearer_token_env_var: str | None = None
    """Environment variable that holds the token for the ``Authorization`` header."""
    http_headers: dict[str, str] = {}
    """Sent with every request."""
    env_http_headers: dict[str, str] = {}
    """Header name to environment variable."""
    oauth: dict[str, str] = {}
    """An OAuth client that the server knows already: ``client_id``, ``client_secret``,
    and ``callback_url`` on this machine. Unset: one is registered by the login."""
    oauth_resource: str | None = None
    """The resource that a login is for. Unset: what the server says it is."""
    scopes: tuple[str, ...] = ()
    """The scopes that a login asks for. Unset: those that the server names."""
    enabled: bool = True
    """Whether the server is used."""
    required: bool = False
    """Whether a session fails when this server does not start."""
    startup_timeout_sec: Seconds = 30
    """How long the server may take to start, in seconds."""
    startup_timeout_ms: Count | None = None
    """The same in milliseconds; counts before ``startup_timeout_sec``."""
    tool_timeout_sec: Seconds = 300
    """How long a call may take, in seconds."""
    enabled_tools: tuple[str, ...] | None = None
    """Offer only these tools. Unset: all."""
    disabled_tools: tuple[str, ...] = ()
    """Do not offer these tools."""
    supports_parallel_tool_calls: bool = False
    """Whether calls may run at the same time."""
    default_tools_approval_mode: Literal["auto", "prompt", "approve"] = "auto"
    """When calls are asked about: as the tool describes itself, always or never."""
    tools: dict[str, McpTool] = {}
    """Settings of single tools."""
    environment_id: str | None = None
    """Accepted; has no effect."""
    name: str | None = None
    """The name shown to people. Unset: the table's name."""


class Engine(msgspec.Struct, frozen=True, kw_only=True):
    """The local engine that provider ``oss`` starts. codex-oss only."""

    context_length: Count | None = None
    """Tokens of context to load a model with. Unset: what fits the machine."""
    threads: Count | None = None
    """CPU threads. Unset: one per physical core."""
    models_dir: str | None = None
    """Where downloaded models are kept. Unset: ``models`` in ``$CODEX_OSS_HOME``, which
    is ``~/.codex-oss`` unless it is set."""


class Bridge(msgspec.Struct, frozen=True, kw_only=True):
    """What ``codex-oss bridge`` does unless its flags say otherwise. codex-oss only."""

    listen: str = "127.0.0.1"
    """The address to listen on. Any but a loopback address demands a key."""
    listen_port: Port = 11435
    """The port to listen on; 0: any that is free. (11434 is Ollama's own.)"""
    listen_key_env: str = "CODEX_OSS_BRIDGE_KEY"
    """Environment variable with the key that clients must send. Needed only where
    ``listen`` is not a loopback address; counts wherever it is set."""
    upstream: str | None = None
    """URL of the server to ask, such as ``http://localhost:8080/v1``. Unset: the
    configured provider's, else Ollama's."""
    ollama_url: str | None = None
    """URL of the Ollama server to ask, without ``/v1``."""
    api_key_env: str | None = None
    """Environment variable with the key for ``upstream``."""
    wire: Wire = "auto"
    """How to speak to the server: ``native`` is Ollama's own ``/api/chat``, ``chat``
    is Chat Completions, ``responses`` passes Responses on. ``auto``: ``native`` for
    Ollama, what the provider's ``wire_api`` says, else ``chat``."""
    diet: Diet = "safe"
    """How much smaller the Codex CLI's requests are made: ``off``; ``safe`` says the
    same in fewer words; ``aggressive`` also leaves out what is seldom needed."""
    repair: bool = True
    """Mend names and arguments of calls where that is unambiguous."""
    text_calls: bool = True
    """Run calls that a model wrote as text, where the whole message is the call."""
    ask_again: bool = True
    """Ask the model once more for a call that cannot be mended."""
    store: str = "memory"
    """Where responses are kept for ``previous_response_id``: ``memory``, ``sqlite``,
    ``sqlite:PATH``, ``redis://HOST:PORT/DB`` or ``none``."""
    max_body_size: Count = 32 * 1024 * 1024
    """The largest request in bytes. Images are sent inside of it."""
    keep_alive_s: Seconds = 8
    """A stream gets an event at least this often, in seconds, while the model reads:
    the Codex CLI gives up a stream without events after 300 s. 0: none."""


class Undo(msgspec.Struct, frozen=True, kw_only=True):
    """What turns change is remembered, so that it can be taken back. codex-oss only."""

    enabled: bool = True
    """Remember files before they change, for ``codex-oss undo``."""
    max_bytes: Count = 1024 * 1024 * 1024
    """Bytes that this may take for each workspace; the oldest turns go first."""


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """The whole configuration."""

    model: str | None = None
    """The model's name at its provider. Unset: the provider's default."""
    model_provider: str = DEFAULT_PROVIDER
    """The id of the provider: a built-in one or one of ``model_providers``. When
    nobody names a provider or a profile, profile ``oss`` applies and this is
    ``oss``."""
    model_context_window: Count | None = None
    """Tokens of the model's context. Unset: asked from the server."""
    model_auto_compact_token_limit: Count | None = None
    """Compact the conversation at this many tokens; above 90 % of the context window
    it counts as that. Unset: four fifths of the window (where that leaves more than
    32768 tokens to an answer, 90 % at most)."""
    compact_prompt: str | None = None
    """Text that asks the model for a summary of the conversation."""
    experimental_compact_prompt_file: str | None = None
    """A file with that text; counts where ``compact_prompt`` is unset."""
    model_thinking_budget: Count | None = None
    """Tokens that the model may think before one answer. When it is at that, it is
    asked to answer at once, and to think as little as its server lets it. 0: no limit.
    Unset: a share of the context window, a quarter unless ``model_reasoning_effort``
    asks for more or less. codex-oss only."""
    model_reasoning_effort: str | None = None
    """How much the model thinks: ``none``, ``minimal``, ``low``, ``medium``, ``high``,
    ``xhigh`` or what else the model knows: see [context](../guides/context.md). Unset:
    the model decides."""
    model_reasoning_summary: Literal["auto", "concise", "detailed", "none"] | None = (
        None
    )
    """Which summary of its reasoning the model is asked for."""
    model_verbosity: Literal["low", "medium", "high"] | None = None
    """How much the model writes, for models that know this setting."""
    model_instructions_file: str | None = None
    """A file whose text replaces the built-in instructions."""
    instructions: str | None = None
    """Text that replaces the built-in instructions."""
    developer_instructions: str | None = None
    """Text added to the instructions."""
    prompt_profile: Literal["auto", "full", "lite"] = "auto"
    """How long the instructions and tool descriptions are; ``auto`` decides by the
    context window. codex-oss only."""
    edit_form: EditForm = "auto"
    """How the model edits files: ``patch``, ``replace`` or ``whole``, and no other way;
    ``auto`` goes by its size and by what it got right so far: see
    [edits](../guides/edits.md). codex-oss only."""
    models: dict[str, ModelEntry] = {}
    """Settings of single models, by name. codex-oss only."""
    oss_provider: str | None = None
    """The provider that profile ``oss`` uses: ``oss``, ``ollama``, ``lmstudio``,
    ``llamacpp``, ``vllm`` or any other provider's id."""
    engine: Engine = Engine()
    """The local engine that provider ``oss`` starts. codex-oss only."""
    profile: str | None = None
    """The profile to use when ``-p`` names none."""
    profiles: dict[str, dict[str, Any]] = {}
    """Named sets of these keys, chosen by ``-p NAME`` or ``profile``. The file
    ``$CODEX_HOME/NAME.config.toml`` says the same and counts before the table."""
    approval_policy: ApprovalPolicy | GranularApproval = "on-request"
    """When a person is asked before a command runs: see
    [approvals](approvals.md). ``exec`` asks only with ``-a``."""
    sandbox_mode: SandboxMode | None = None
    """What commands may write to. Unset: ``workspace-write`` in a project that has a
    ``trust_level``, else ``read-only``."""
    sandbox_workspace_write: SandboxWorkspaceWrite = SandboxWorkspaceWrite()
    """What ``workspace-write`` allows besides the workspace."""
    sandbox_deny_read: tuple[str, ...] = ("secrets",)
    """What commands in the sandbox cannot read: paths (``~`` is your home) and
    ``secrets``, which stands for keys and passwords in their usual places. ``[]``: they
    read all that you can. codex-oss only."""
    sandbox_linux: SandboxLinux = SandboxLinux()
    """How commands are isolated on Linux. codex-oss only."""
    default_permissions: str | None = None
    """The permission profile in effect: ``:read-only``, ``:workspace`` and
    ``:danger-full-access`` are values of ``sandbox_mode``; of your own in
    ``permissions``, see there."""
    permissions: dict[str, dict[str, Any]] = {}
    """Permission profiles by name. Of the one that ``default_permissions`` names, the
    paths that ``filesystem`` gives as ``deny`` cannot be read; nothing else of it has
    an effect."""
    allow_login_shell: bool = True
    """Whether commands may run in a login shell."""
    background_terminal_max_timeout: Count = 300_000
    """The longest wait for output of a command that runs on, in milliseconds."""
    tool_output_token_limit: Count | None = None
    """Tokens of one tool's output that the model reads. Unset: 10000 bytes, or an
    eighth of the context window where that is less."""
    shell_environment_policy: ShellEnvironmentPolicy = ShellEnvironmentPolicy()
    """Which environment variables commands get."""
    project_doc_max_bytes: Count = 32 * 1024
    """Bytes of a project's ``AGENTS.md`` files that are read; 0: none."""
    project_doc_fallback_filenames: tuple[str, ...] = ()
    """Files to read in a directory that has no ``AGENTS.md``."""
    project_root_markers: tuple[str, ...] = (".git",)
    """What a project's top directory contains."""
    include_environment_context: bool = True
    """Tell the model the directory, the shell and what the sandbox allows."""
    include_permissions_instructions: bool = True
    """Tell the model what sandbox and approval policy allow. Has no effect yet: the
    environment says it."""
    hide_agent_reasoning: bool = False
    """Do not print summaries of the model's reasoning."""
    show_raw_agent_reasoning: bool = False
    """Print the model's reasoning itself instead of its summary; not with ``--json``,
    as in the Codex CLI."""
    notify: tuple[str, ...] | None = None
    """A program and its arguments, run after each turn with one more argument: a JSON
    object that describes the turn: see [hooks](../guides/hooks.md)."""
    history: History = History()
    """The file of prompts typed at a terminal."""
    file_opener: Literal["vscode", "vscode-insiders", "windsurf", "cursor", "none"] = (
        "vscode"
    )
    """The editor that links to files open in. Has no effect yet."""
    tools: Tools = Tools()
    """Which tools the model is offered."""
    skills: Skills = Skills()
    """Instructions for certain tasks, in files named ``SKILL.md``."""
    features: dict[str, bool] = {}
    """Switches of single features; ``--enable NAME`` and ``--disable NAME`` set them
    for one run. Of those of the Codex CLI, ``shell_tool`` and ``view_image`` say
    whether the model is offered commands and images; the others have no effect."""
    projects: dict[str, Project] = {}
    """What is known about directories, by absolute path."""
    mcp_servers: dict[str, McpServer] = {}
    """Servers of further tools, by name: see [MCP servers](../guides/mcp.md)."""
    mcp_oauth_callback_port: Port = 0
    """The local port that ``codex-oss mcp login`` is answered at. 0: any."""
    model_providers: dict[str, Provider] = {}
    """Where models are served, by id: the built-in providers and yours. A table with
    the id of a built-in one changes that one."""
    bridge: Bridge = Bridge()
    """``codex-oss bridge``: the Responses API in front of a model's server. codex-oss
    only."""
    undo: Undo = Undo()
    """What turns change is remembered: see [undo](../guides/undo.md). codex-oss
    only."""
    tui: dict[str, Any] = {}
    """Settings of the terminal app. Has no effect yet."""
