"""Fakes of vLLM 0.33, SGLang 0.5.23 and llama-server b11549, told apart as these are.

::

    with FakeVllm("Qwen/Qwen3", context=32768, answers=[Say("hi")]) as server:
        ...                                            # ask server.url + "/v1"
    server.cached                                      # [0, 1200]: the prefix cache
"""

from collections.abc import Sequence
from typing import Any

from fake_ollama_chat import Say
from fake_openai import Body, Compatible, Dialect, fault
from fake_server import Event, Reply, Scripted, chunk

__all__ = ["FakeLlamaServer", "FakeSglang", "FakeVllm", "Say"]

HELLO = (Say("Hello."),)


class FakeVllm(Compatible):
    """vLLM. Without ``tool_parser`` it was started without ``--tool-call-parser``."""

    dialect = Dialect(reasoning="reasoning")

    def __init__(
        self,
        name: str = "m",
        context: int = 32768,
        answers: Sequence[Say] = HELLO,
        *,
        key: str = "",
        tool_parser: bool = True,
        version: str = "0.33.0",
    ) -> None:
        get = {"/version": {"version": version}}
        super().__init__(name, context, answers, get=get, key=key)
        self._tool_parser = tool_parser

    def entry(self) -> Body:
        """Return what only vLLM says of its model."""
        made = {"owned_by": "vllm", "root": self.name, "parent": None}
        return made | {"max_model_len": self.context, "permission": list[Any]()}

    def prepare(self, body: Body) -> Reply | None:
        """Refuse tools that nothing would find in the model's answer."""
        chosen = body.get("tool_choice", "auto")
        if body.get("tools") and chosen == "auto" and not self._tool_parser:
            return fault(
                400,
                '"auto" tool choice requires --enable-auto-tool-choice and '
                "--tool-call-parser to be set",
            )
        return super().prepare(body)

    def too_long(self, asked: int) -> Reply:
        """Return the numbers in words."""
        said = (
            f"This model's maximum context length is {self.context} tokens. However, "
            f"your request has {asked} input tokens. Please reduce the length of the "
            f"input messages. (parameter=input_tokens, value={asked})"
        )
        return fault(400, said, param="input_tokens")


class FakeSglang(Compatible):
    """SGLang, which at ``/`` and ``/api/tags`` looks like an Ollama."""

    def __init__(
        self,
        name: str = "m",
        context: int = 32768,
        answers: Sequence[Say] = HELLO,
        *,
        key: str = "",
    ) -> None:
        info = {"version": "0.5.23", "max_total_num_tokens": 4 * context, "tp_size": 1}
        tag: Body = {
            "name": name,
            "model": name,
            "size": 0,
            "digest": "",
            "details": {},
        }
        get: dict[str, Scripted] = {
            "/": Reply(body="Ollama is running"),
            "/api/tags": {"models": [tag]},
            "/health_generate": lambda _: self._health(),
            "/model_info": {"model_path": name, "is_generation": True},
            "/server_info": info | {"context_length": context, "model_path": name},
        }
        super().__init__(name, context, answers, get=get, key=key)

    def entry(self) -> Body:
        """Return what only SGLang says of its model."""
        made = {"owned_by": "sglang", "root": self.name, "parent": None}
        return made | {"max_model_len": self.context}

    def too_long(self, asked: int) -> Reply:
        """Return the numbers in words; the error stands at the top."""
        said = (
            f"The input ({asked} tokens) is longer than the model's context length "
            f"({self.context} tokens)."
        )
        return Reply(
            status=400,
            body={
                "object": "error",
                "message": said,
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        )


class FakeLlamaServer(Compatible):
    """llama-server, which reports how far it has read where it is asked to."""

    early = False

    def __init__(
        self,
        name: str = "m.gguf",
        context: int = 32768,
        answers: Sequence[Say] = HELLO,
        *,
        key: str = "",
        trained: int = 131072,
        tools: bool = True,
    ) -> None:
        props = {
            "default_generation_settings": {"n_ctx": context},
            "total_slots": 1,
            "model_path": f"/models/{name}",
            "chat_template_caps": {"supports_tools": tools},
            "build_info": "b11549-fake",
        }
        get: dict[str, Scripted] = {
            "/props": lambda _: Reply(body=props) if self.ready else _LOADING,
            "/api/tags": {"models": [{"name": name, "model": name}]},
        }
        super().__init__(name, context, answers, get=get, key=key)
        self._trained = trained

    def entry(self) -> Body:
        """Return what only llama.cpp says of its model."""
        meta = {"n_ctx_train": self._trained, "n_params": 20_914_757_184, "size": 12**9}
        return {"owned_by": "llamacpp", "meta": meta}

    def prepare(self, body: Body) -> Reply | None:
        """Refuse while loading; it answers for any model's name."""
        return None if self.ready else _LOADING

    def denied(self) -> Reply:
        """Return what comes for a wrong key."""
        return fault(401, "Invalid API Key", "authentication_error")

    def too_long(self, asked: int) -> Reply:
        """Return the numbers beside the words."""
        said = (
            f"request ({asked} tokens) exceeds the available context size "
            f"({self.context} tokens), try increasing it"
        )
        kind = "exceed_context_size_error"
        inner: Body = {"code": 400, "message": said, "type": kind}
        inner |= {"n_prompt_tokens": asked, "n_ctx": self.context}
        return Reply(status=400, body={"error": inner})

    def _health(self) -> Reply:
        return Reply(body={"status": "ok"}) if self.ready else _LOADING

    def progress(self, read: int, cached: int) -> list[Event]:
        """Tell it at the begin and half way; the rest is the answer."""
        halves = (cached, (cached + read) // 2)
        return [
            chunk(
                {"role": "assistant", "content": None},
                prompt_progress={
                    "total": read,
                    "cache": cached,
                    "processed": processed,
                    "time_ms": 100 * step,
                },
            )
            for step, processed in enumerate(halves)
        ]


_LOADING = fault(503, "Loading model", "unavailable_error")
