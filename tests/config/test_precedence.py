"""Which of several places a value is taken from, and that it says so."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codex_oss.config.load import codex_home, sandbox_mode, trust_level
from codex_oss.config.schema import Config, Project
from codex_oss.config.tree import Leaf, Tree, leaves, merge
from codex_oss.errors import ConfigError
from config_home import Run

PLACES = ("file", "table", "profile file", "-c", "flag")
ORIGINS = {
    "file": "~/.codex/config.toml:1",
    "table": "profile work, ~/.codex/config.toml:3",
    "profile file": "~/.codex/work.config.toml:1",
    "-c": "-c",
    "flag": "--verbosity",
}
VALUES = {
    "file": "low",
    "table": "medium",
    "profile file": "high",
    "-c": "low",
    "flag": "medium",
}


@pytest.mark.parametrize(
    "places",
    [set(some) for n in range(len(PLACES) + 1) for some in combinations(PLACES, n)],
    ids=lambda places: "+".join(p for p in PLACES if p in places) or "nowhere",
)
def test_the_highest_place_that_sets_a_key_wins_and_is_its_origin(
    run: Run, places: set[str]
) -> None:
    def line(place: str) -> str:
        return f'model_verbosity = "{VALUES[place]}"\n' if place in places else "\n"

    loaded = run(
        line("file") + "[profiles.work]\n" + line("table"),
        files={"work.config.toml": line("profile file")},
        profile="work",
        overrides=["model_verbosity=low"] if "-c" in places else [],
        flags={"model_verbosity": ("--verbosity", "medium")}
        if "flag" in places
        else {},
    )
    winner = next((place for place in reversed(PLACES) if place in places), None)
    assert (loaded.config.model_verbosity, loaded.origin("model_verbosity")) == (
        (VALUES[winner], ORIGINS[winner]) if winner else (None, "default")
    )


def test_no_file_means_defaults(run: Run) -> None:
    loaded = run()
    assert (loaded.config.sandbox_mode, loaded.config.approval_policy) == (
        None,
        "on-request",
    )
    assert loaded.origins == {"model_provider": "profile oss"}
    assert loaded.warnings == []


def test_tables_are_merged_and_arrays_are_replaced(run: Run) -> None:
    loaded = run(
        "[sandbox_workspace_write]\n"
        'writable_roots = ["/a", "/b"]\nnetwork_access = true\n',
        overrides=['sandbox_workspace_write.writable_roots=["/c"]'],
    )
    assert loaded.config.sandbox_workspace_write.writable_roots == ("/c",)
    assert loaded.config.sandbox_workspace_write.network_access
    assert {
        key: origin
        for key, origin in loaded.origins.items()
        if key.startswith("sandbox_workspace_write")
    } == {
        "sandbox_workspace_write.writable_roots": "-c",
        "sandbox_workspace_write.network_access": "~/.codex/config.toml:3",
    }


def test_a_later_override_wins(run: Run) -> None:
    loaded = run(overrides=["model=a", "model=b"])
    assert loaded.config.model == "b"


def test_a_flag_may_name_a_key_in_a_table(run: Run) -> None:
    loaded = run(
        "[features]\ngoals = true\n",
        flags={"features.view_image": ("--disable", False)},
    )
    assert loaded.config.features == {"goals": True, "view_image": False}
    assert loaded.origin("features.view_image") == "--disable"


def test_a_file_outside_the_users_home_is_named_whole(tmp_path: Path, run: Run) -> None:
    loaded = run('model_verbosity = "low"', env={"HOME": "/nowhere"})
    path = tmp_path / ".codex" / "config.toml"
    assert loaded.origin("model_verbosity") == f"{path}:1"


def test_a_byte_order_mark_is_not_part_of_the_first_key(run: Run) -> None:
    assert run('\ufeffmodel_verbosity = "low"').config.model_verbosity == "low"


def test_keys_of_codex_without_effect_are_accepted_silently(run: Run) -> None:
    loaded = run(
        'review_model = "x"\nweb_search = "live"\n'
        "[analytics]\nenabled = false\n"
        "[tools]\nweb_search = true\n"
        '[tui]\nnotifications = ["a"]\n'
        "[shell_environment_policy]\nexperimental_use_profile = true\n"
        '[model_providers.x]\nbase_url = "http://x"\nsupports_websockets = false\n',
        strict=True,
    )
    assert loaded.warnings == []
    assert loaded.config.tui == {"notifications": ["a"]}


def test_every_table_is_typed(run: Run) -> None:
    config = run(
        '[mcp_servers.docs]\ncommand = "serve"\nargs = ["-x"]\nenv = {A = "1"}\n'
        "startup_timeout_sec = 5\n"
        '[mcp_servers.docs.tools.find]\napproval_mode="prompt"\n'
        "[engine]\ncontext_length = 8192\nthreads = 4\n"
        'models_dir = "/m"\n'
        "[tools.update_plan]\nenabled = true\n"
        '[history]\npersistence = "none"\nmax_bytes = 10\n'
        '[shell_environment_policy]\ninherit = "core"\nset = {A = "b"}\n'
    ).config
    server = config.mcp_servers["docs"]
    assert (server.command, server.args, server.env) == ("serve", ("-x",), {"A": "1"})
    assert (server.startup_timeout_sec, server.tool_timeout_sec) == (5.0, 300)
    assert server.tools["find"].approval_mode == "prompt"
    assert (config.engine.context_length, config.engine.models_dir) == (8192, "/m")
    assert config.tools.update_plan.enabled
    assert (config.history.persistence, config.history.max_bytes) == ("none", 10)
    assert config.shell_environment_policy.set == {"A": "b"}


def test_trust_is_looked_up_by_path_and_opens_the_workspace() -> None:
    config = Config(
        projects={
            "/trusted": Project(trust_level="trusted"),
            "/untrusted": Project(trust_level="untrusted"),
        }
    )
    paths = ("/trusted", "/trusted/", "/untrusted", "/other", "/")
    assert [trust_level(config, path) for path in paths] == [
        "trusted",
        "trusted",
        "untrusted",
        None,
        None,
    ]
    assert [sandbox_mode(config, path) for path in paths] == [
        "workspace-write",
        "workspace-write",
        "workspace-write",
        "read-only",
        "read-only",
    ]
    named = Config(sandbox_mode="danger-full-access", projects=config.projects)
    assert sandbox_mode(named, "/other") == "danger-full-access"


def test_the_home_is_codex_home_or_dot_codex(tmp_path: Path) -> None:
    assert codex_home({"HOME": "/h"}) == Path("/h/.codex")
    assert codex_home({"HOME": "/h", "CODEX_HOME": ""}) == Path("/h/.codex")
    assert codex_home({"CODEX_HOME": str(tmp_path)}) == tmp_path.resolve()


def test_codex_home_must_exist_when_it_is_set(tmp_path: Path) -> None:
    missing, file = tmp_path / "missing", tmp_path / "file"
    file.write_text("")
    for path, reason in ((missing, "does not exist"), (file, "is not a directory")):
        with pytest.raises(ConfigError) as caught:
            codex_home({"CODEX_HOME": str(path)})
        assert caught.value.report() == (
            f'CODEX_HOME points to "{path}", but that path {reason}\n'
            "Create that directory, or unset CODEX_HOME to use ~/.codex"
        )


NAMES = st.sampled_from("abc")
TREES = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(NAMES, inner, min_size=1, max_size=3),
    max_leaves=8,
).filter(lambda tree: isinstance(tree, dict))


def _layer(table: Any, origin: str) -> Tree:
    return {
        name: _layer(value, origin) if isinstance(value, dict) else Leaf(value, origin)
        for name, value in table.items()
    }


@given(TREES, TREES)
def test_merging_keeps_the_higher_layer_whole_and_changes_neither(
    low: Any, high: Any
) -> None:
    lower, higher = _layer(low, "low"), _layer(high, "high")
    merged = dict(leaves(merge(lower, higher)))
    assert merged | dict(leaves(higher)) == merged
    assert all(
        found.origin == "high" or dict(leaves(lower))[key] == found
        for key, found in merged.items()
    )
    assert (lower, higher) == (_layer(low, "low"), _layer(high, "high"))
