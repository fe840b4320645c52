"""Every exception of the program, as one tree.

::

    CodexOssError                 what was being done, what happened, what to do next
    ├── UsageError                the command line is wrong                     exit 2
    ├── ConfigError               a key, a profile or a file of the configuration
    ├── SessionError              a conversation that cannot be found or written
    ├── StoreError                where the bridge keeps responses cannot be used
    ├── ModelError                what the model's server did
    │   ├── Unreachable           nothing listens, no such host            (retried)
    │   ├── StreamCut             the answer ended before its end          (retried)
    │   ├── Busy                  429 or 503, with the server's own delay  (retried)
    │   │   └── Loading           the server still reads its model         (waited for)
    │   ├── ServerFault           5xx                                      (retried)
    │   ├── EngineEnded           a server of ours ended, and is not started again
    │   ├── BadRequest            400, 413, 422: the same request fails again
    │   │   ├── PreviousNotFound  the response to go on from is not kept
    │   │   └── ItemNotFound      an item that is named, not sent, is not kept
    │   ├── Unauthorized          401, 403
    │   ├── NotFound              404: wrong URL or unknown model
    │   ├── ContextOverflow       the prompt does not fit the window
    │   ├── QuotaExceeded         the account is out of credit
    │   └── Incomplete            the answer was cut by a limit of the server
    ├── EngineError               a local engine that cannot be found, started or asked
    │   └── DownloadError         a model file that cannot be had whole
    ├── SandboxError              commands cannot be isolated here; nothing was run
    ├── McpError                  an MCP server that cannot be started or asked
    ├── PatchError                a patch that does not parse or does not fit
    ├── UndoError                 changes that cannot be remembered or taken back
    └── ToolError                 a call the model must send differently

``str(error)`` is one message for people. ``hint`` is the next step and is shown on a
line of its own; it may be empty. ``exit_code`` is the process's exit code when the
error ends the program, ``http_status`` the status a server answers with.
"""

from typing import ClassVar


class CodexOssError(Exception):
    """Base of all errors that are somebody's fault but not a bug of ours."""

    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def report(self) -> str:
        """Return the message and, on a second line, the next step."""
        return f"{self}\n{self.hint}" if self.hint else str(self)


class UsageError(CodexOssError):
    """The command line is wrong."""

    exit_code = 2
    http_status = 400


class ConfigError(CodexOssError):
    """A configuration value, file, profile or provider is wrong."""

    http_status = 400


class SessionError(CodexOssError):
    """A conversation cannot be found, read or written."""

    http_status = 404


class StoreError(CodexOssError):
    """Responses cannot be kept, or kept ones cannot be read."""


class ModelError(CodexOssError):
    """The model's server did not give a whole answer.

    ``retryable`` says whether the same request may succeed later; ``delay_s`` is
    the wait the server asked for in seconds, if it named one.
    """

    retryable: ClassVar[bool] = False
    http_status = 502

    def __init__(
        self, message: str, *, hint: str = "", delay_s: float | None = None
    ) -> None:
        super().__init__(message, hint=hint)
        self.delay_s = delay_s


class Unreachable(ModelError):
    """No connection could be made."""

    retryable = True


class StreamCut(ModelError):
    """The stream ended, failed or went silent before ``response.completed``."""

    retryable = True


class Busy(ModelError):
    """The server asked for the request to be sent later."""

    retryable = True
    http_status = 429


class Loading(Busy):
    """The server is up and still reads its model from disk."""

    http_status = 503


class ServerFault(ModelError):
    """The server answered with a 5xx status."""

    retryable = True


class EngineEnded(ModelError):
    """A server that we had started has ended, and is not started again for this."""

    http_status = 503


class BadRequest(ModelError):
    """The server refused the request; sending it again would fail again."""

    http_status = 400


class PreviousNotFound(BadRequest):
    """The response to go on from is not kept; in OpenAI's words."""

    code: ClassVar[str] = "previous_response_not_found"
    param: ClassVar[str] = "previous_response_id"

    def __init__(self, response_id: str) -> None:
        super().__init__(
            f"Previous response with id '{response_id}' not found.",
            hint="It was not kept, was deleted or is too old: send all items as "
            "`input`.",
        )


class ItemNotFound(BadRequest):
    """An item that is named, not sent, is not kept."""

    param: ClassVar[str] = "input"

    def __init__(self, item_id: str) -> None:
        super().__init__(
            f"Item with id '{item_id}' not found.",
            hint="It was not kept, was deleted or is too old: send items whole "
            "(Vercel's AI SDK: `store: false`).",
        )


class Unauthorized(ModelError):
    """The key is missing, wrong or not allowed to do this."""

    http_status = 401


class NotFound(ModelError):
    """The URL does not exist there, or the server does not know the model."""

    http_status = 404


class ContextOverflow(ModelError):
    """The prompt is larger than the model's context window; in Codex's words.

    ``window`` and ``tokens`` are the server's numbers, where it told them: of the
    window, and of the prompt.
    """

    http_status = 400

    def __init__(
        self,
        message: str = "Codex ran out of room in the model's context window. Start a "
        "new thread or clear earlier history before retrying.",
        *,
        hint: str = "",
        window: int | None = None,
        tokens: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.window = window
        self.tokens = tokens


class QuotaExceeded(ModelError):
    """The account has no credit left; by default in Codex's words."""

    http_status = 402

    def __init__(
        self,
        message: str = "Quota exceeded. Check your plan and billing details.",
        *,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)


class Incomplete(ModelError):
    """The server ended the answer early: ``reason`` is the API's word for why.

    ``tokens`` are those of the prompt and the answer, where the server counted.
    """

    def __init__(self, reason: str, *, hint: str = "", tokens: int = 0) -> None:
        super().__init__(f"Incomplete response returned, reason: {reason}", hint=hint)
        self.reason = reason
        self.tokens = tokens


class EngineError(CodexOssError):
    """A local engine cannot be found, started or asked."""


class DownloadError(EngineError):
    """A model file cannot be downloaded whole and checked."""


class SandboxError(CodexOssError):
    """Commands cannot be isolated on this machine; nothing was run."""


class McpError(CodexOssError):
    """An MCP server that cannot be started or did not answer as it should."""


class PatchError(CodexOssError):
    """A patch does not parse or does not match the files; nothing was written."""

    http_status = 400


class UndoError(CodexOssError):
    """Changes to files that cannot be remembered, taken back or made again."""


class ToolError(CodexOssError):
    """A tool call that the model must send differently; the text is for the model."""

    http_status = 400
