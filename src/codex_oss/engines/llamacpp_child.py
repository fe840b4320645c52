"""The process around llama.cpp's server: started by ``llamacpp``, ends with it.

It is run as a file and imports nothing of this package: 75 ms less to start. The
environment variable ``PARAMETERS`` holds JSON. Output is llama.cpp's log and one line
that begins with ``MARK``: ``{"url": …}`` or ``{"missing": …}``.
"""

import importlib
import os
import signal
import sys
import threading
from typing import Any

PARAMETERS = "CODEX_OSS_ENGINE_PARAMETERS"
MARK = b"codex-oss-engine "
MISSING = 3
"""Exit code: xllamacpp cannot be imported."""
FAILED = 4
"""Exit code: llama.cpp refused the model; the log says why."""

_PR_SET_PDEATHSIG = 1
_STDOUT = 1


def main() -> int:
    """Serve one model until the parent ends us."""
    import json  # noqa: PLC0415  the parent only reads this module's constants

    asked = json.loads(os.environ.pop(PARAMETERS))
    _die_with(asked["parent"])
    try:
        xllamacpp = importlib.import_module("xllamacpp")
    except ImportError as error:
        _report({"missing": str(error)})
        return MISSING
    try:
        server = xllamacpp.Server(_params(xllamacpp, asked))
    except RuntimeError:  # it only says that; the reason is in the log
        return FAILED
    _report({"url": server.listening_address})
    threading.Event().wait()
    return 0


def _die_with(parent: int) -> None:
    """Ask Linux for SIGKILL when the parent dies; elsewhere ``process`` has a guard."""
    if sys.platform != "linux":
        return
    import ctypes  # noqa: PLC0415  only Linux needs it

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(0)


def _report(what: dict[str, str]) -> None:
    """Write one line in one piece, also when the log is in the middle of one."""
    import json  # noqa: PLC0415  see `main`

    os.write(_STDOUT, b"\n" + MARK + json.dumps(what).encode() + b"\n")


def _params(xllamacpp: Any, asked: dict[str, Any]) -> Any:
    """Return llama.cpp's parameters.

    Against its defaults: a key, no page of any origin may ask, no web UI, no list of
    slots (it shows prompts), and room in memory for other prompts only as asked.
    """
    params = xllamacpp.CommonParams()
    params.model.path = asked["path"]
    params.model_alias = {asked["name"]}
    params.hostnames = ["127.0.0.1"]
    params.port = asked["port"]
    params.api_keys = [asked["api_key"]]
    params.cors_origins = ""
    params.cors_credentials = False
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.n_parallel = 1
    params.n_ctx = asked["n_ctx"]
    params.cache_prompt = True
    # As much as it computes at once anyway: it tells how far it has read, and hears
    # that nobody waits any more, four times as often as by default.
    params.n_batch = params.n_ubatch
    params.cache_ram_mib = asked["cache_ram_mib"]
    params.cpuparams.n_threads = asked["threads"]
    params.cpuparams_batch.n_threads = asked["threads"]
    # Reads the model twice to fit it into a GPU; 0.2 s for nothing without one.
    params.fit_params = _has_gpu(xllamacpp)
    if asked["speculate"]:
        # Guesses the next tokens from what the context holds already: 4 to 8 times
        # less work when a file is written again, no loss on prose.
        kinds = xllamacpp.common_speculative_type
        params.speculative.types = [kinds.COMMON_SPECULATIVE_TYPE_NGRAM_MOD]
    return params


def _has_gpu(xllamacpp: Any) -> bool:
    cpu = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU
    return any(device["type"] != cpu for device in xllamacpp.get_device_info())


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # a half-made server does not survive an orderly exit
