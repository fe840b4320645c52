"""What an MCP server asks for as a question to the person; the reply as its result."""

from urllib.parse import urlsplit

from mcp import types
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from codex_oss.errors import McpError
from codex_oss.mcp.form import read_form
from codex_oss.policy import AnswerServer, Reply
from codex_oss.policy.filling import Wrong, fitting, proposed
from codex_oss.policy.form import Form

MAX_MESSAGE = 4000
"""Letters of a message; the rest is left out."""
MAX_URL = 2000
"""Letters of a page's address; a longer one is refused: it must be seen whole."""

MAX_PAGES = 4
"""Pages that a call may want opened before."""
DONE = "Have you finished on that page? The tool is then called once more."


def asked(server: str, params: types.ElicitRequestParams) -> AnswerServer:
    """Return the question; raises ``McpError`` with what cannot be asked for."""
    message = params.message
    if len(message) > MAX_MESSAGE:
        message = f"{message[:MAX_MESSAGE]} …"
    if isinstance(params, types.ElicitRequestFormParams):
        form = read_form(params.requested_schema)
        return AnswerServer(server=server, message=message, form=form)
    return AnswerServer(
        server=server,
        message=message,
        url=_page(params.url),
        page_id=params.elicitation_id or "",
    )


def needed(server: str, error: MCPError) -> list[AnswerServer]:
    """Return the pages that an error wants opened first, and whether that is done.

    There are none for most errors. Raises ``McpError`` as ``asked`` does.
    """
    if error.code != types.URL_ELICITATION_REQUIRED:
        return []
    try:
        told = types.ElicitationRequiredErrorData.model_validate(error.data)
    except ValidationError:
        return []
    pages = [asked(server, page) for page in told.elicitations[:MAX_PAGES]]
    done = AnswerServer(server=server, message=DONE, form=Form())
    return [*pages, done] if pages else []


def result(question: AnswerServer, reply: Reply) -> types.ElicitResult:
    """Return what the server is sent; raises ``McpError`` where that does not fit."""
    if reply.action != "accept":
        return types.ElicitResult(action=reply.action)
    if question.url:
        return types.ElicitResult(action="accept")
    form = question.form or Form()
    given = proposed(form) if reply.values is None else reply.values
    values = fitting(form, given)
    if isinstance(values, Wrong):
        raise McpError(f"what the answer does not have ({values.why})")
    return types.ElicitResult(action="accept", content={**values})


def _page(url: str) -> str:
    """Return an address that a browser may be sent to."""
    try:
        parts = urlsplit(url)
        on_the_web = bool(parts.hostname) and parts.scheme in ("https", "http")
    except ValueError:
        on_the_web = False
    if not on_the_web:
        raise McpError("a page that is none of the web")
    if not url.isprintable() or " " in url or len(url) > MAX_URL:
        raise McpError("a page whose address cannot be shown")
    return url
