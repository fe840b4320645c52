"""Why a download from a hub did not work, each with what to do about it."""

from typing import Protocol

from codex_oss.errors import DownloadError, ModelError, Unreachable

RESUME = "What has arrived is kept: run the same command again to go on."

_FAULT, _SLOW_DOWN = 500, 429
_PASSING = {416: "does not continue the file", _SLOW_DOWN: "asks to slow down"}
"""Statuses below 500 that may be gone at the next try."""


class Retry(Exception):
    """A status that may pass; ``delay_s`` is the server's wish."""

    def __init__(self, message: str, status: int, delay_s: float | None) -> None:
        super().__init__(message)
        self.status = status
        self.delay_s = delay_s


class Refused(Protocol):
    """What is read of an answer."""

    status: int
    headers: dict[str, str]


def refusal(
    reply: Refused, endpoint: str, repo: str, url: str
) -> Retry | DownloadError:
    """Return what a status means: try again, or give up."""
    host, page, status = host_of(endpoint), f"{endpoint}/{repo}", reply.status
    if status in _PASSING or status >= _FAULT:
        wish = reply.headers.get("retry-after", "")
        delay = float(wish) if wish.isdigit() else None
        what = _PASSING.get(status, "has a fault")
        return Retry(f"{host} {what} ({status})", status, delay)
    match status:
        case 401:
            return DownloadError(
                f"{host} does not show {repo} (401): it does not exist, is private, "
                "or wants a token",
                hint=f"Check the name at {page}; for a private or gated model set "
                "HF_TOKEN.",
            )
        case 403:
            return DownloadError(
                f"{host} refuses {repo} (403): its licence was not accepted by the "
                "owner of this token",
                hint=f"Accept the terms at {page} and set HF_TOKEN.",
            )
        case 404:
            path = url.removeprefix(endpoint)
            listing = path.startswith("/api/models/")
            return DownloadError(
                f"{host} has no {f'repository {repo}' if listing else path} (404)",
                hint=f"Check the name and the revision at {page}; a private model "
                "needs HF_TOKEN.",
            )
        case 407:
            return DownloadError(
                f"The proxy on the way to {host} wants a login (407)",
                hint="Write it into HTTPS_PROXY: http://USER:PASSWORD@HOST:PORT",
            )
        case _:
            return DownloadError(
                f"{host} answered {status} for {url}",
                hint="Check HF_ENDPOINT, and whether a proxy answers instead.",
            )


def gave_up(what: str, error: Exception, tries: int, host: str) -> DownloadError:
    """Return the error for a download that was tried often enough."""
    message = f"Downloading {what} failed after {tries} tries: {error}"
    if tries == 1:
        message = f"Downloading {what} failed: {error}"
    return DownloadError(message, hint=f"{_advice(error, host)} {RESUME}")


def _advice(error: Exception, host: str) -> str:
    match error:
        case Unreachable() if "answered 407" in str(error):
            return (
                "The proxy wants a login: write it into HTTPS_PROXY, "
                "http://USER:PASSWORD@HOST:PORT."
            )
        case Unreachable() if "proxy" in str(error):
            return f"Check HTTPS_PROXY; NO_PROXY={host} goes around the proxy."
        case Unreachable() if "certificate" in str(error):
            return error.hint
        case Unreachable() if "refused" in str(error):
            return f"Nothing serves at {host}: check HF_ENDPOINT."
        case Unreachable():
            return (
                "This machine seems to be offline. Behind a proxy set HTTPS_PROXY; "
                "HF_ENDPOINT names a mirror."
            )
        case Retry() if error.status == _SLOW_DOWN:
            return "Wait some minutes; with HF_TOKEN more may be downloaded."
        case Retry():
            return f"The fault is at {host}: try later. HF_ENDPOINT names a mirror."
        case ModelError() if error.hint and not error.retryable:
            return error.hint
        case _:
            return "The network breaks off."


def host_of(url: str) -> str:
    """Return the host of a URL, with its port."""
    return url.split("://", 1)[-1].split("/", 1)[0]
