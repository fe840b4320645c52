"""Stands in for xllamacpp in a child process: real HTTP, no model.

``FAKE_LLAMACPP`` says how it behaves: ``serve``; ``hang`` (loads forever); ``refuse
TEXT`` (logs the text, then fails); ``choosy`` (fails with speculation); ``abort`` and
``kill`` (ends by that signal).

One that serves says "whole" to every chat. In ``LLAMACPP_FOLDER`` it writes each chat
that it is asked (``asked-N``). A file there that is called ``kills`` holds one word for
each of its next ends, and a word less after each: ``reading`` (it ends before a word of
its answer) or ``answering`` (after some). ``stays-away`` there: it cannot start again.
"""

import http.server
import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any


class ggml_backend_dev_type:  # noqa: N801  the library's name
    GGML_BACKEND_DEVICE_TYPE_CPU = 0
    GGML_BACKEND_DEVICE_TYPE_GPU = 1


class common_speculative_type:  # noqa: N801  the library's name
    COMMON_SPECULATIVE_TYPE_NGRAM_MOD = "ngram_mod"


def get_device_info() -> list[dict[str, int]]:
    return [{"type": ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_CPU}]


class CommonParams(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(
            model=SimpleNamespace(),
            cpuparams=SimpleNamespace(),
            cpuparams_batch=SimpleNamespace(),
            speculative=SimpleNamespace(types=[]),
            model_alias=set(),
            n_ubatch=512,
        )


class Server:
    def __init__(self, params: Any) -> None:
        how, _, text = os.environ["FAKE_LLAMACPP"].partition(" ")
        log(f"0.00.000.001 I srv loading {params.model.path}")
        match how:
            case "refuse":
                self._refuse(text)
            case "choosy" if params.speculative.types:
                self._refuse("0.00 E srv rollback is not supported")
            case "hang":
                log(f"hanging {os.getpid()}")
                threading.Event().wait()
            case "abort":
                os.abort()
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case _ if params.port and (folder() / "stays-away").exists():
                self._refuse("0.0 E ggml_aligned_malloc: insufficient memory")
            case _:
                self._serve(params)

    def _refuse(self, text: str) -> None:
        log(text)
        raise RuntimeError("Failed to init server, please check the input params.")

    def _serve(self, params: Any) -> None:
        params.model_alias = sorted(params.model_alias)
        told = {
            "default_generation_settings": {"n_ctx": params.n_ctx},
            "chat_template_caps": {"supports_tools": True},
            "pid": os.getpid(),
            "environment": sorted(os.environ),
            "params": flat(params),
        }

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                key = f"Bearer {params.api_keys[0]}"
                public = self.path == "/health"
                allowed = public or self.headers.get("authorization") == key
                body = json.dumps({} if public else told).encode()
                self.send_response(200 if allowed else 401)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                asked = self.rfile.read(int(self.headers["content-length"]))
                number = len(list(folder().glob("asked-*")))
                (folder() / f"asked-{number}").write_bytes(asked)
                end = next_end()
                if end == "reading":
                    os.kill(os.getpid(), signal.SIGKILL)
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                self._say({"role": "assistant", "content": "who"})
                if end == "answering":
                    os.kill(os.getpid(), signal.SIGKILL)
                self._say({"content": "le"}, "stop")
                self._write(b"data: [DONE]\n\n")
                self._write(b"")

            def _say(self, delta: dict[str, str], reason: str | None = None) -> None:
                choice = {"index": 0, "delta": delta, "finish_reason": reason}
                line = json.dumps({"choices": [choice]}).encode()
                self._write(b"data: %b\n\n" % line)

            def _write(self, chunk: bytes) -> None:
                self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
                self.wfile.flush()

        place = (params.hostnames[0], params.port)
        server = http.server.ThreadingHTTPServer(place, Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.listening_address = f"http://127.0.0.1:{server.server_address[1]}"


def folder() -> Path:
    return Path(os.environ["LLAMACPP_FOLDER"])


def next_end() -> str:
    """Take the next word of ``kills``; "" when there is none."""
    kills = folder() / "kills"
    word, _, rest = kills.read_text().partition(" ") if kills.exists() else ("", "", "")
    kills.write_text(rest)
    return word


def log(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def flat(value: Any) -> Any:
    """Return parameters as JSON values."""
    if isinstance(value, SimpleNamespace):
        return {key: flat(each) for key, each in vars(value).items()}
    return value
