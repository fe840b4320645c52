"""Which engine serves which model, and what is said about it."""

import pytest

from codex_oss.engines import sources
from codex_oss.engines.base import Found, Installed, Machine, Server
from codex_oss.engines.choose import Choice, choose, needs_no_look
from codex_oss.errors import EngineError

GB = 10**9
URL = "http://localhost:1"
TOY = "smollm2-135m"


def server(kind: Server, *models: str | Installed, url: str = URL) -> Found:
    listed = [Installed(name=m) if isinstance(m, str) else m for m in models]
    return Found(server=kind, url=url, models=tuple(listed), said_by="a test")


def chosen(
    wanted: str | None,
    *found: Found,
    memory: int | None = None,
    only: str | None = None,
    at_hand: tuple[str, ...] = (),
) -> Choice:
    machine = Machine(memory=memory)
    return choose(wanted, found, machine, local_provider=only, at_hand=at_hand)


def taken(choice: Choice) -> tuple[str, str | None, str | None]:
    return choice.engine, choice.model, choice.url


# --- a model is named ----------------------------------------------------------------


@pytest.mark.parametrize("model", [TOY, "hf:o/r", "pypi:p", "./m.gguf"])
def test_names_of_gguf_models_choose_the_embedded_engine(model: str) -> None:
    choice = chosen(model, server("ollama", "gpt-oss:20b"))

    assert choice == Choice(
        engine="embedded",
        model=model,
        why=f"{model} is a model of the embedded engine",
        passed_over=(
            (f"Ollama at {URL}", f"{model} is a model of the embedded engine"),
        ),
    )


def test_they_are_no_models_of_another_provider() -> None:
    with pytest.raises(EngineError, match="embedded engine, not of provider ollama"):
        chosen("hf:o/r", only="ollama")


def test_the_first_server_that_has_the_model_serves_it() -> None:
    first, second = server("ollama", "a:1b"), server("lmstudio", "m", url="http://l:2")
    third = server("vllm", "m", url="http://v:3")

    choice = chosen("m", first, second, third)

    assert choice == Choice(
        engine="lmstudio",
        model="m",
        url="http://l:2",
        why="LM Studio at http://l:2 has m",
        passed_over=(
            (f"Ollama at {URL}", "lacks m"),
            ("vLLM at http://v:3", "comes later"),
        ),
    )


def test_in_ollama_a_name_without_a_tag_is_the_latest() -> None:
    choice = chosen("hf.co/o/r", server("ollama", "hf.co/o/r:latest"))
    assert taken(choice) == ("ollama", "hf.co/o/r:latest", URL)
    other = server("vllm", "m:latest", url="http://v:1")
    assert taken(chosen("m", other, server("ollama")))[0] == "ollama"


def test_a_model_that_nobody_has_is_asked_of_ollama_which_can_pull_it() -> None:
    choice = chosen("qwen3.5:9b", server("vllm", "m"), server("ollama", "a"))
    assert taken(choice) == ("ollama", "qwen3.5:9b", URL)


def test_without_any_server_a_name_is_ollamas() -> None:
    assert taken(chosen("qwen3.5:9b")) == ("ollama", "qwen3.5:9b", None)


def test_what_other_servers_do_not_serve_is_told_with_what_they_do() -> None:
    with pytest.raises(EngineError) as caught:
        chosen("x", server("vllm", "m"), server("lmstudio", *map(str, range(9))))

    assert str(caught.value) == (
        "no server here serves `x`; there is m (vLLM), 0 (LM Studio), 1 (LM Studio), "
        "2 (LM Studio), 3 (LM Studio), 4 (LM Studio), 5 (LM Studio), 6 (LM Studio) "
        "and 2 more"
    )


def test_a_provider_that_was_asked_for_decides_about_the_name_itself() -> None:
    for kind in ("lmstudio", "llamacpp", "openai"):
        choice = chosen("x", server(kind, "m"), only=kind)
        assert taken(choice) == (kind, "x", URL)
    assert taken(chosen("x", only="vllm")) == ("vllm", "x", None)
    with pytest.raises(EngineError, match="serves `x`; there is m"):
        chosen("x", server("vllm", "m"), only="vllm")


def test_a_llama_servers_model_may_be_named_as_a_file() -> None:
    found = server("llamacpp", "gpt-oss.gguf")
    choice = chosen("gpt-oss.gguf", found, only="llamacpp")
    assert taken(choice) == ("llamacpp", "gpt-oss.gguf", URL)
    assert taken(chosen("other.gguf", found, only="llamacpp"))[0] == "embedded"


# --- no model is named ---------------------------------------------------------------


def test_the_default_is_taken_where_it_is() -> None:
    vllm = server("vllm", Installed(name="big", loaded=65536), url="http://v:1")
    ollama = server("ollama", "llama:1b", "gpt-oss:20b")

    choice = chosen(None, vllm, ollama)

    assert choice == Choice(
        engine="ollama",
        model="gpt-oss:20b",
        url=URL,
        why=f"Ollama at {URL} has gpt-oss:20b",
        passed_over=(("vLLM at http://v:1", "another is preferred"),),
    )


BETTER = [
    (Installed(name="loaded", loaded=1), Installed(name="not")),
    (Installed(name="calls", tools=True), Installed(name="unknown", size=GB)),
    (Installed(name="large", size=2 * GB), Installed(name="small", size=GB)),
]


@pytest.mark.parametrize(("better", "worse"), BETTER)
def test_else_what_is_loaded_calls_tools_and_is_large_is_preferred(
    better: Installed, worse: Installed
) -> None:
    for models in ((better, worse), (worse, better)):
        choice = chosen(None, server("ollama", *models))
        assert choice.model == better.name


NO_USE = [
    (Installed(name="m", remote=True), "its model runs in a cloud"),
    (Installed(name="m", tools=False), "its model cannot call tools"),
    (Installed(name="m", size=10 * GB), "its model is larger than the memory (8 GB)"),
]


@pytest.mark.parametrize(("model", "why"), NO_USE)
def test_a_model_that_is_of_no_use_is_not_taken_unasked(
    model: Installed, why: str
) -> None:
    choice = chosen(None, server("ollama", model), memory=8 * GB)

    assert taken(choice) == ("embedded", TOY, None)
    assert choice.passed_over == ((f"Ollama at {URL}", why),)
    assert chosen("m", server("ollama", model), memory=8 * GB).engine == "ollama"


def test_what_is_loaded_has_shown_that_it_fits() -> None:
    model = Installed(name="m", size=10 * GB, loaded=4096)
    assert chosen(None, server("ollama", model), memory=GB).model == "m"


def test_a_server_without_models_is_passed_over_with_its_reason() -> None:
    locked = Found(server="vllm", url=URL, said_by="t", note="it wants a key")
    mixed = server(
        "lmstudio", Installed(name="a", remote=True), Installed(name="b", tools=False)
    )
    choice = chosen(None, server("ollama"), locked, mixed)

    assert [why for _, why in choice.passed_over] == [
        "it has no model",
        "it wants a key",
        "no model of it is of use: cannot call tools, runs in a cloud",
    ]


def test_an_ollama_that_stands_still_comes_after_all_that_runs() -> None:
    still = Found(
        server="ollama",
        url="",
        models=(Installed(name="gpt-oss:20b"),),
        said_by="/usr/bin/ollama",
    )
    choice = chosen(None, still)
    assert taken(choice) == ("ollama", "gpt-oss:20b", None)
    assert choice.why == "Ollama (/usr/bin/ollama, not running) has gpt-oss:20b"
    assert chosen(None, still, server("vllm", "m")).engine == "vllm"


def test_without_a_server_the_embedded_engine_takes_what_is_on_disk() -> None:
    choice = chosen(None, at_hand=("hf:o/r", TOY))

    assert choice == Choice(
        engine="embedded",
        model="hf:o/r",
        why="No server with a model answers here; the embedded engine has hf:o/r",
    )


def test_with_nothing_at_all_its_toy_is_taken_and_called_one() -> None:
    for at_hand in ((), (TOY,)):
        choice = chosen(None, at_hand=at_hand)
        assert taken(choice) == ("embedded", TOY, None)
        assert choice.toy
        assert choice.why == (
            f"No server with a model answers here. {sources.DEFAULT_IS_A_TOY}"
        )


def test_the_embedded_engine_can_be_asked_for() -> None:
    for only in ("embedded", "llamacpp"):
        choice = chosen(None, only=only, at_hand=("hf:o/r",))
        assert taken(choice) == ("embedded", "hf:o/r", None)


def test_an_engine_that_was_asked_for_is_taken_without_a_model() -> None:
    assert taken(chosen(None, only="ollama")) == ("ollama", "gpt-oss:20b", None)
    assert taken(chosen(None, only="lmstudio")) == ("lmstudio", None, None)
    unusable = server("ollama", Installed(name="m", remote=True))
    assert taken(chosen(None, unusable, only="ollama")) == (
        "ollama",
        "gpt-oss:20b",
        URL,
    )


def test_some_choices_need_no_look_at_the_servers() -> None:
    for model, only in ((TOY, None), ("hf:o/r", "oss"), (None, "embedded")):
        assert needs_no_look(model, only)
    for model, only in ((None, None), ("m", "oss"), (TOY, "llamacpp"), (TOY, "ollama")):
        assert not needs_no_look(model, only)
