"""Where rules are kept: which files count, and how a rule is added."""

import multiprocessing
import os
import stat
from pathlib import Path

import pytest

from codex_oss.config import locked as config_locked
from codex_oss.config import rules as config_rules
from codex_oss.config.rules import RulesFile
from codex_oss.errors import ConfigError
from codex_oss.policy.rule_text import line
from codex_oss.policy.rules import PrefixRule, Rules


def write(home: Path, name: str, text: str) -> Path:
    path = home / "rules" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


A, B, C = (PrefixRule(pattern=(word,)) for word in "abc")
NO_D = PrefixRule(pattern=("d",), decision="forbidden")
ASK_D = PrefixRule(pattern=("d",), decision="prompt")


def test_without_files_there_are_no_rules(tmp_path: Path) -> None:
    file = RulesFile(tmp_path / "home", project=tmp_path / "project")
    assert (file.load(), file.warnings) == (Rules(), ())


def test_all_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, "b.rules", 'prefix_rule(["b"])')
    write(tmp_path, "a.rules", 'prefix_rule(["a"])')
    write(tmp_path, "c.rules", "\ufeff# nothing\n")
    write(tmp_path, "d.txt", "not a rule")
    assert RulesFile(tmp_path).load() == Rules((A, B))


MIXED = (
    'prefix_rule(["c"])\nprefix_rule(["d"], "forbidden")\nprefix_rule(["d"], "prompt")'
)


def test_a_trusted_project_has_rules_of_its_own(tmp_path: Path) -> None:
    write(tmp_path / "home", "x.rules", 'prefix_rule(["a"])')
    write(tmp_path / "project" / ".codex", "x.rules", MIXED)
    file = RulesFile(tmp_path / "home", project=tmp_path / "project", trusted=True)
    assert file.load() == Rules((A, C, NO_D, ASK_D))
    assert file.warnings == ()


def test_any_other_project_may_only_forbid_and_ask(tmp_path: Path) -> None:
    project = tmp_path / "project"
    path = write(project / ".codex", "x.rules", MIXED)
    broken = write(project / ".codex", "y.rules", "prefix_rule(")
    file = RulesFile(tmp_path / "home", project=project)
    assert file.load() == Rules((NO_D, ASK_D))
    assert file.warnings == (
        (
            f"{path}: rules that allow count only in trusted projects; set "
            f'projects."{project}".trust_level to "trusted"'
        ),
        f"{broken}:1: '(' was never closed",
    )


def test_a_project_that_holds_the_codex_home_has_no_rules_twice(tmp_path: Path) -> None:
    write(tmp_path / ".codex", "x.rules", 'prefix_rule(["a"])')
    file = RulesFile(tmp_path / ".codex", project=tmp_path, trusted=True)
    assert file.load() == Rules((A,))


def test_rules_can_be_ignored_but_not_those_made_now(tmp_path: Path) -> None:
    path = write(tmp_path, "default.rules", "prefix_rule(")
    file = RulesFile(tmp_path, ignore=True)
    assert file.load() == Rules()
    file.allow(("b",))
    assert file.load() == Rules((B,))
    assert path.read_text() == "prefix_rule(\n" + line(("b",)) + "\n"


def test_what_has_no_effect_is_a_warning(tmp_path: Path) -> None:
    path = write(tmp_path, "x.rules", "\nnetwork_rule()")
    file = RulesFile(tmp_path)
    assert file.load() == Rules()
    assert file.warnings == (f"{path}:2: network_rule() has no effect here",)


def test_what_is_written_during_a_session_counts_in_the_next(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    file = RulesFile(home, project=project, trusted=True)
    assert file.load() == Rules()
    write(project / ".codex", "x.rules", 'prefix_rule(["a"])')
    write(home, "x.rules", "prefix_rule(")
    file.allow(("b",))
    assert file.load() == Rules((B,))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"prefix_rule(", ":1: '(' was never closed"),
        (b"# a\n# \xff\n", ":2: not UTF-8"),
        (b"#" * (config_rules.MAX_FILE_BYTES + 1), ": larger than 1048576 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    data: bytes, said: str, tmp_path: Path
) -> None:
    path = write(tmp_path, "x.rules", "")
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        RulesFile(tmp_path).load()
    assert str(caught.value).removeprefix("Cannot read ") == f"{path}{said}"
    assert caught.value.hint


def test_a_pipe_is_no_rules_file_and_holds_nobody_up(tmp_path: Path) -> None:
    path = write(tmp_path, "x.rules", "")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match=f"Cannot read {path}: it is no file"):
        RulesFile(tmp_path).load()


# --- adding ---------------------------------------------------------------------------


def test_a_rule_is_added_once_and_counts_at_once(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    file = RulesFile(home)
    for words in (("a",), ("b",), ("a",)):
        file.allow(words)
    path = home / "rules" / "default.rules"
    assert path.read_text() == f"{line(('a',))}\n{line(('b',))}\n"
    assert file.load() == Rules((A, B))
    assert sorted(p.name for p in path.parent.iterdir()) == [".lock", "default.rules"]


def test_what_stands_in_the_file_stays_with_its_rights(tmp_path: Path) -> None:
    path = write(tmp_path, "default.rules", "# mine\r\n# no line end")
    path.chmod(0o600)
    RulesFile(tmp_path).allow(("a", 'b "c"'))
    added = 'prefix_rule(pattern=["a", "b \\"c\\""], decision="allow")'
    assert path.read_bytes() == f"# mine\r\n# no line end\n{added}\n".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.rules"
    real.write_text("# mine\n")
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "default.rules").symlink_to(real)
    RulesFile(tmp_path).allow(("a",))
    assert (tmp_path / "rules" / "default.rules").is_symlink()
    assert real.read_text() == f"# mine\n{line(('a',))}\n"


def add(home: Path, number: int) -> None:
    RulesFile(home).allow((f"program-{number}",))
    RulesFile(home).allow(("shared",))


def test_processes_that_add_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=add, args=(tmp_path, n)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=180)
    assert [process.exitcode for process in processes] == [0] * 4
    added = [rule.pattern[0] for rule in RulesFile(tmp_path).load().rules]
    assert sorted(map(str, added)) == [*(f"program-{n}" for n in range(4)), "shared"]


def test_a_lock_that_is_never_let_go_is_told_with_the_line_to_add(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config_locked, "MAX_TRIES", 2)
    folder = tmp_path / "rules"
    folder.mkdir()
    with (
        config_locked.locked(folder / ".lock"),
        pytest.raises(ConfigError, match="Cannot add a rule to") as caught,
    ):
        RulesFile(tmp_path).allow(("a",))
    assert line(("a",)) in caught.value.hint


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "rules").write_text("a file")
    with pytest.raises(ConfigError, match=r"default\.rules: File exists"):
        RulesFile(tmp_path).allow(("a",))
