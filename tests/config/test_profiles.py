"""Profiles, above all ``oss``: when it applies and what it takes over."""

from typing import Any, NamedTuple

import pytest

from codex_oss.errors import ConfigError
from config_home import Run


class Case(NamedTuple):
    """A configuration and what must come out: provider, model, oss in effect."""

    name: str
    text: str
    arguments: dict[str, Any]
    expected: tuple[str, str | None, bool]
    warned: bool = False


def with_model(text: str) -> str:
    return 'model = "o3"\n' + text


M = {"flags": {"model": ("-m", "qwen3")}}

CASES = [
    Case("nothing is set", "", {}, ("oss", None, True)),
    Case("a model of OpenAI", with_model(""), {}, ("oss", None, True), warned=True),
    Case("and --oss", with_model(""), {"oss": True}, ("oss", None, True), warned=True),
    Case(
        "and -p oss",
        with_model(""),
        {"profile": "oss"},
        ("oss", None, True),
        warned=True,
    ),
    Case("and -m", with_model(""), M, ("oss", "qwen3", True)),
    Case("-c model", "", {"overrides": ["model=x"]}, ("oss", "x", True)),
    Case(
        "a model in [profiles.oss]",
        with_model('[profiles.oss]\nmodel = "qwen3"'),
        {},
        ("oss", "qwen3", True),
    ),
    Case(
        "a provider in the file",
        with_model('model_provider = "openai"'),
        {},
        ("openai", "o3", False),
    ),
    Case(
        "a provider in the file and --oss",
        with_model('model_provider = "openai"'),
        {"oss": True},
        ("oss", None, True),
        warned=True,
    ),
    Case(
        "provider oss in the file owns the model",
        with_model('model_provider = "oss"'),
        {},
        ("oss", "o3", True),
    ),
    Case(
        "provider ollama in the file",
        with_model('model_provider = "ollama"'),
        {},
        ("ollama", "o3", False),
    ),
    Case(
        "a local provider that owns the model",
        with_model('model_provider = "ollama"'),
        {"local_provider": "ollama"},
        ("ollama", "o3", True),
    ),
    Case(
        "a local provider that does not own the model",
        with_model('model_provider = "ollama"'),
        {"local_provider": "vllm"},
        ("vllm", None, True),
        warned=True,
    ),
    Case(
        "-c model_provider",
        with_model(""),
        {"overrides": ["model_provider=openai"]},
        ("openai", "o3", False),
    ),
    Case(
        "--oss outranks -c model_provider",
        "",
        {"oss": True, "overrides": ["model_provider=openai"]},
        ("oss", None, True),
    ),
    Case(
        "-p oss does not",
        with_model(""),
        {"profile": "oss", "overrides": ["model_provider=openai"]},
        ("openai", "o3", False),
    ),
    Case(
        "another profile without a provider is OpenAI's",
        "[profiles.work]\nmodel = 'o3'",
        {"profile": "work"},
        ("openai", "o3", False),
    ),
    Case(
        "another profile and --oss",
        "[profiles.work]\nmodel = 'o3'",
        {"profile": "work", "oss": True},
        ("oss", None, True),
        warned=True,
    ),
    Case(
        "the profile's own model is used though the file's is not",
        with_model("[profiles.work]\nmodel = 'qwen3'\nmodel_provider = 'oss'"),
        {"profile": "work", "oss": True},
        ("oss", "qwen3", True),
    ),
    Case(
        "the key profile",
        'profile = "work"\n[profiles.work]\nmodel_provider = "vllm"',
        {},
        ("vllm", None, False),
    ),
    Case(
        "-p outranks the key profile",
        'profile = "work"\n[profiles.work]\nmodel_provider = "vllm"',
        {"profile": "oss"},
        ("oss", None, True),
    ),
    Case("oss_provider", 'oss_provider = "ollama"', {}, ("ollama", None, True)),
    Case(
        "oss_provider does not own the model",
        with_model('oss_provider = "ollama"'),
        {"oss": True},
        ("ollama", None, True),
        warned=True,
    ),
    Case(
        "oss_provider is not asked when another provider is named",
        'oss_provider = "ollama"\nmodel_provider = "openai"',
        {},
        ("openai", None, False),
    ),
    Case(
        "[profiles.oss] changes the provider",
        'oss_provider = "ollama"\n[profiles.oss]\nmodel_provider = "lmstudio"',
        {"oss": True},
        ("lmstudio", None, True),
    ),
    Case(
        "oss_provider in [profiles.oss]",
        '[profiles.oss]\noss_provider = "lmstudio"',
        {},
        ("lmstudio", None, True),
    ),
    Case(
        "-c oss_provider",
        '[profiles.oss]\nmodel_provider = "lmstudio"',
        {"overrides": ["oss_provider=vllm"]},
        ("vllm", None, True),
    ),
    Case(
        "--local-provider outranks all",
        '[profiles.oss]\nmodel_provider = "lmstudio"',
        {"overrides": ["oss_provider=vllm"], "local_provider": "llamacpp"},
        ("llamacpp", None, True),
    ),
    Case(
        "--local-provider means --oss",
        with_model('model_provider = "openai"'),
        {"local_provider": "ollama"},
        ("ollama", None, True),
        warned=True,
    ),
    Case(
        "a provider of the user's own",
        '[model_providers.box]\nbase_url = "http://box/v1"',
        {"local_provider": "box"},
        ("box", None, True),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_provider_and_model_come_from_the_same_hand(run: Run, case: Case) -> None:
    loaded = run(case.text, **case.arguments)
    assert (loaded.provider_id, loaded.config.model, loaded.oss) == case.expected
    assert bool(loaded.warnings) == case.warned


def test_a_model_that_is_left_out_is_told_with_the_ways_to_set_it(run: Run) -> None:
    loaded = run(
        'model = "o3"\nmodel_context_window = 200000\nmodel_verbosity = "low"\n'
    )
    assert loaded.warnings == [
        (
            '~/.codex/config.toml:1: `model = "o3"` belongs to provider openai and is '
            "not used with oss. To use it here, write it in [profiles.oss] or pass -m "
            "o3; to use openai, pass -c model_provider=openai"
        )
    ]
    config = loaded.config
    assert (config.model_context_window, config.model_verbosity) == (None, "low")


def test_a_context_window_without_a_model_is_kept(run: Run) -> None:
    assert run("model_context_window = 8192").config.model_context_window == 8192


@pytest.mark.parametrize(
    ("arguments", "origin"),
    [
        ({}, "profile oss"),
        ({"oss": True}, "--oss"),
        ({"local_provider": "oss"}, "--local-provider"),
        ({"overrides": ["oss_provider=oss"]}, "-c"),
    ],
)
def test_the_provider_says_who_chose_it(
    run: Run, arguments: dict[str, Any], origin: str
) -> None:
    assert run(**arguments).origin("model_provider") == origin


def test_the_file_of_a_profile_counts_before_its_table(run: Run) -> None:
    loaded = run(
        '[profiles.work]\nmodel = "a"\nmodel_verbosity = "low"\n',
        files={"work.config.toml": '\nmodel = "b"\n'},
        profile="work",
    )
    assert (loaded.config.model, loaded.config.model_verbosity) == ("b", "low")
    assert loaded.profile == "work"
    assert loaded.origin("model") == "~/.codex/work.config.toml:2"
    assert loaded.origin("model_verbosity") == "profile work, ~/.codex/config.toml:3"


def test_a_file_alone_makes_a_profile_and_changes_oss(run: Run) -> None:
    files = {
        "work.config.toml": 'model_provider = "vllm"',
        "oss.config.toml": "model='q'",
    }
    assert run(files=files, profile="work").provider_id == "vllm"
    loaded = run(files=files)
    assert (loaded.profile, loaded.config.model) == ("oss", "q")


def test_an_override_can_change_a_profile(run: Run) -> None:
    loaded = run(overrides=["profiles.w.model_provider=vllm", "profile=w"])
    assert (loaded.profile, loaded.provider_id) == ("w", "vllm")


def test_an_unknown_profile_is_told_with_both_places_and_the_known_ones(
    run: Run,
) -> None:
    for text, arguments in (("", {"profile": "wrok"}), ('profile = "wrok"\n', {})):
        with pytest.raises(ConfigError) as caught:
            run(f"{text}[profiles.work]\n", **arguments)
        assert caught.value.report() == (
            'Profile "wrok" not found: no [profiles.wrok] in ~/.codex/config.toml and '
            "no file ~/.codex/wrok.config.toml\n"
            "Known profiles: oss, work"
        )


@pytest.mark.parametrize("name", ["", "..", "a/b", "/etc/x", "a\0b"])
def test_the_name_of_a_profile_is_not_a_path(run: Run, name: str) -> None:
    with pytest.raises(ConfigError, match="is not a name"):
        run(profile=name)


def test_a_profile_must_be_a_table(run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run("profiles.work = 3", profile="work")
    assert str(caught.value) == (
        "~/.codex/config.toml:1: `profiles.work`: expected a table"
    )


def test_a_profile_name_that_is_no_string_is_a_type_error(run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run("profile = 3")
    assert str(caught.value) == (
        "~/.codex/config.toml:1: `profile`: expected a string, got the integer 3"
    )


@pytest.mark.parametrize("value", ["true", "[1]", "3"])
def test_an_oss_provider_that_is_no_name_is_blamed_by_its_own_key(
    run: Run, value: str
) -> None:
    with pytest.raises(ConfigError, match=r"toml:1: `oss_provider`: expected"):
        run(f"oss_provider = {value}")
