"""What a bridge is told to do: flags, configuration, defaults, and contradictions."""

from pathlib import Path
from typing import Any

import pytest

from codex_oss.bridge.banner import banner
from codex_oss.bridge.settings import BridgeSettings
from codex_oss.cli import arguments, bridge_arguments
from codex_oss.cli.bridge_call import read_call
from codex_oss.config.provider import Provider
from codex_oss.errors import CodexOssError, ConfigError, UsageError

OLLAMA = "http://localhost:11434/v1"


def told(
    tmp_path: Path, *words: str, file: str = "", env: dict[str, str] | None = None
) -> BridgeSettings:
    """Return what words of the command line and a config.toml mean."""
    home = tmp_path / ".codex"
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(file)
    options = arguments.PARSERS["bridge"]().parse_args(list(words))
    return read_call(options, {"HOME": str(tmp_path)} | (env or {})).settings


def server(found: BridgeSettings) -> tuple[str, str | None, str]:
    return found.provider_id, found.provider.base_url, found.wire


def test_with_nothing_said_it_stands_beside_ollama(tmp_path: Path) -> None:
    assert told(tmp_path) == BridgeSettings(
        listen="127.0.0.1",
        port=11435,
        key="",
        provider_id="ollama",
        provider=Provider(name="Ollama", base_url=OLLAMA, wire_api="chat"),
        wire="native",
        model=None,
        context_length=None,
        diet="safe",
        repair=True,
        text_calls=True,
        ask_again=True,
        store="memory",
        max_body_size=33_554_432,
        keep_alive_s=8,
    )


def test_every_flag_reaches_the_settings(tmp_path: Path) -> None:
    found = told(
        tmp_path,
        *("--listen", "0.0.0.0", "--listen-port", "1"),
        *("--upstream", "https://models.example.com/api/v1"),
        *("--api-key-env", "HOSTED_KEY", "--wire", "responses", "--diet", "off"),
        *("--no-repair", "--no-text-calls", "--no-ask-again", "--store", "none"),
        *("--max-body-size", "7", "--debug", "-m", "gpt-oss-120b"),
        *("-c", "engine.context_length=4096", "-c", "bridge.keep_alive_s=1.5"),
        env={"CODEX_OSS_BRIDGE_KEY": "secret"},
    )

    assert found == BridgeSettings(
        listen="0.0.0.0",
        port=1,
        key="secret",
        provider_id="upstream",
        provider=Provider(
            name="models.example.com:443",
            base_url="https://models.example.com/api/v1",
            wire_api="responses",
            env_key="HOSTED_KEY",
        ),
        wire="responses",
        model="gpt-oss-120b",
        context_length=4096,
        diet="off",
        repair=False,
        text_calls=False,
        ask_again=False,
        store="none",
        max_body_size=7,
        keep_alive_s=1.5,
        debug=True,
    )
    assert (found.loopback, found.engine, found.url()) == (
        False,
        False,
        "http://127.0.0.1:1",
    )


def test_a_flag_counts_before_the_file_and_the_file_before_the_default(
    tmp_path: Path,
) -> None:
    file = '[bridge]\nlisten_port = 7\ndiet = "off"\n'

    found = told(tmp_path, "--listen-port", "8", file=file)

    assert (found.port, found.diet, found.store) == (8, "off", "memory")


# --- the server behind it ------------------------------------------------------------

FILE = '[bridge]\nupstream = "http://box:1/v1"\n'
PROVIDER = (
    'model_provider = "x"\n[model_providers.x]\nname = "x"\n'
    'base_url = "http://x:2/v1"\nwire_api = "%s"\n'
)


@pytest.mark.parametrize(
    ("words", "file", "env", "expected"),
    [
        ("", "", {"OLLAMA_HOST": "box:5"}, ("ollama", "http://box:5/v1", "native")),
        ("--ollama-url http://b:9", "", {}, ("ollama", "http://b:9/v1", "native")),
        ("--ollama-url http://b:9/v1/", "", {}, ("ollama", "http://b:9/v1", "native")),
        ("--ollama-url b", "", {}, ("ollama", "http://b:11434/v1", "native")),
        ("--upstream http://b:9", "", {}, ("upstream", "http://b:9/v1", "auto")),
        ("--upstream http://b:9/", "", {}, ("upstream", "http://b:9/v1", "auto")),
        ("--upstream http://b:9/x", "", {}, ("upstream", "http://b:9/x", "auto")),
        ("", FILE, {}, ("upstream", "http://box:1/v1", "auto")),
        ("--ollama-url http://b:9", FILE, {}, ("ollama", "http://b:9/v1", "native")),
        ("--upstream http://b:9", FILE, {}, ("upstream", "http://b:9/v1", "auto")),
        ("--oss", FILE, {}, ("upstream", "http://box:1/v1", "auto")),
        (
            "--local-provider lmstudio",
            FILE,
            {},
            ("lmstudio", "http://localhost:1234/v1", "chat"),
        ),
        ("--local-provider ollama", FILE, {}, ("ollama", OLLAMA, "native")),
        ("", PROVIDER % "chat", {}, ("x", "http://x:2/v1", "chat")),
        ("", PROVIDER % "responses", {}, ("x", "http://x:2/v1", "responses")),
        ("--wire chat", PROVIDER % "responses", {}, ("x", "http://x:2/v1", "chat")),
        ("--wire chat", "", {}, ("ollama", OLLAMA, "chat")),
        ("--engine llamacpp", "", {}, ("llamacpp", None, "chat")),
        ("--engine ollama", FILE, {}, ("ollama", OLLAMA, "native")),
        ("--engine embedded", FILE, {}, ("embedded", None, "chat")),
        ("--engine auto", FILE, {}, ("oss", None, "auto")),
        ("-m hf:a/b", "", {}, ("embedded", None, "chat")),
        ("-m hf:a/b", FILE, {}, ("embedded", None, "chat")),
        ("-m qwen3:14b", "", {}, ("ollama", OLLAMA, "native")),
        (
            "",
            "",
            {"CODEX_OSS_BASE_URL": "http://b:3/v1"},
            ("oss", "http://b:3/v1", "auto"),
        ),
    ],
)
def test_the_last_word_says_which_server_is_behind_it(
    tmp_path: Path,
    words: str,
    file: str,
    env: dict[str, str],
    expected: tuple[str, str | None, str],
) -> None:
    assert server(told(tmp_path, *words.split(), file=file, env=env)) == expected


def test_on_ollama_s_port_ollama_is_taken_to_have_moved(tmp_path: Path) -> None:
    found = told(tmp_path, "--listen-port", "11434")

    assert server(found) == ("ollama", "http://localhost:11433/v1", "native")


def test_a_configuration_that_leads_codex_to_the_bridge_leads_it_on_to_ollama(
    tmp_path: Path,
) -> None:
    """The file is Codex's too: there the bridge itself is the provider."""
    file = PROVIDER.replace("http://x:2/v1", "http://localhost:11435/v1") % "responses"

    assert server(told(tmp_path, file=file)) == ("ollama", OLLAMA, "native")


def test_a_variable_that_leads_codex_to_the_bridge_leads_it_on_to_ollama(
    tmp_path: Path,
) -> None:
    env = {"CODEX_OSS_PORT": "11435"}

    assert server(told(tmp_path, env=env)) == ("ollama", OLLAMA, "native")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--upstream http://[::1]:11435/v1", "the bridge would ask itself"),
        ("--ollama-url http://localhost:11435", "the bridge would ask itself"),
        (
            "--upstream http://a:1 --ollama-url http://b:1",
            "by --upstream and by --ollama-url",
        ),
        ("--upstream http://a:1 --engine llamacpp", "by --upstream and by --engine"),
        (
            "--upstream http://a:1 --local-provider vllm",
            "by --upstream and by --engine",
        ),
        (
            "--ollama-url http://a:1 --local-provider vllm",
            "by --ollama-url and by --engine",
        ),
        ("--upstream nowhere", "'nowhere' is not a URL of a server"),
        ("--upstream http://user@a:1", "contains a user name"),
        ("--listen 0.0.0.0", "listening on 0.0.0.0 lets other machines in"),
        ("--store mysql://x", r"`bridge.store` \(--store\): `mysql://x` is no place"),
        ("--store sqlite:", r"`bridge.store` \(--store\): `sqlite:` is no place"),
        ("--listen-port 70000", "--listen-port: `bridge.listen_port`: expected"),
        ("-c bridge.diet=vegan", '`bridge.diet`: expected "off"'),
    ],
)
def test_what_cannot_be_meant_is_told_with_its_flag(
    tmp_path: Path, words: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        told(tmp_path, *words.split())


def test_ollama_may_be_named_together_with_its_address(tmp_path: Path) -> None:
    found = told(tmp_path, "--engine", "ollama", "--ollama-url", "http://a:1")
    assert server(found) == ("ollama", "http://a:1/v1", "native")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--listen-port x", "argument --listen-port: `x` is no number from 0 on"),
        ("--max-body-size -1", "argument --max-body-size: `-1` is no number from 0"),
        ("--wire grpc", "argument --wire: invalid choice: 'grpc'"),
        ("--diet vegan", "argument --diet: invalid choice: 'vegan'"),
        ("dance", "argument ACTION: invalid choice: 'dance'"),
        ("--debug --quiet", "--debug and --quiet contradict each other"),
        (
            "--engine llamacpp --local-provider ollama",
            "--engine llamacpp and --local-provider ollama name two servers",
        ),
    ],
)
def test_a_wrong_word_is_a_usage_error(
    tmp_path: Path, words: str, message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        told(tmp_path, *words.split())
    assert str(caught.value).startswith(message)


def test_a_key_that_no_header_can_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="MY_KEY holds characters"):
        told(
            tmp_path,
            "-c",
            "bridge.listen_key_env=MY_KEY",
            env={"MY_KEY": "schlüssel"},
        )


@pytest.mark.parametrize(
    "store",
    ["memory", "none", "sqlite", "sqlite:/x/y.db", "redis://box:1/0", "rediss://box"],
)
def test_these_are_places_to_keep_responses(tmp_path: Path, store: str) -> None:
    assert told(tmp_path, "--store", store).store == store


# --- said again ----------------------------------------------------------------------


def words_again(*words: str) -> list[str]:
    options = arguments.PARSERS["bridge"]().parse_args(["start", *words])
    return bridge_arguments.words_of(options)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--listen-port", "8", "--no-repair", "--debug"],
        ["--upstream", "http://a b:1", "--wire", "chat", "-m", "hf:a/b.gguf"],
        ["-p", "work", "-m", "qwen3:14b", "--local-provider", "vllm"],
        ["-c", "a=1", "-c", 'b="x y"', "--enable", "f", "--oss", "--strict-config"],
        ["--store", "redis://:pw@box:1/0", "-m", "/models/x.gguf"],
    ],
)
def test_a_command_line_is_said_again_in_other_words_of_the_same_meaning(
    words: list[str],
) -> None:
    parse: Any = arguments.PARSERS["bridge"]().parse_args
    again = words_again(*words)

    assert vars(parse(["run", *again])) == vars(parse(["run", *words]))


def test_paths_are_said_again_so_that_they_lead_there_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert words_again("--store", "sqlite:r.db", "-m", "./m.gguf") == [
        "--store",
        f"sqlite:{tmp_path}/r.db",
        "-m",
        f"{tmp_path}/m.gguf",
    ]


# --- the first words -----------------------------------------------------------------


def test_the_first_words_say_where_it_is_and_what_to_do(tmp_path: Path) -> None:
    assert banner(told(tmp_path, "-m", "qwen3:14b"), 11435) == (
        "listening on: http://127.0.0.1:11435/v1\n"
        "upstream:     http://localhost:11434/v1 (Ollama's own API)\n"
        "diet:         safe (for the Codex CLI)\n"
        "inspector:    http://127.0.0.1:11435/__inspect\n"
        "Codex, once:  codex-oss bridge codex-config --write -m qwen3:14b\n"
        "then:         codex -p codex-oss\n"
    )


def test_the_first_words_name_the_port_that_it_got(tmp_path: Path) -> None:
    found = told(tmp_path, "--engine", "llamacpp", "--listen-port", "0")

    assert banner(found, 4711, "llama.cpp, embedded") == (
        "listening on: http://127.0.0.1:4711/v1\n"
        "upstream:     llama.cpp, embedded\n"
        "diet:         safe (for the Codex CLI)\n"
        "inspector:    http://127.0.0.1:4711/__inspect\n"
        "Codex, once:  codex-oss bridge codex-config --write --listen-port 4711\n"
        "then:         codex -p codex-oss\n"
    )


def test_a_password_in_the_url_of_the_store_is_not_in_the_error(
    tmp_path: Path,
) -> None:
    with pytest.raises(CodexOssError) as caught:
        told(tmp_path, "--store", "mysql://user:hunter2@box")
    assert "hunter2" not in str(caught.value)
