"""What is said on the command line, in every order and with what is wrong in it."""

import subprocess
from pathlib import Path

import pytest

from codex_oss.cli import main
from codex_oss.cli.arguments import PARSERS
from codex_oss.errors import UsageError
from running import OURS, TIMEOUT_S, environment, prepared


@pytest.mark.parametrize(
    ("command", "words", "expected"),
    [
        ("exec resume", "ID --json go", {"session": "ID", "prompt": "go"}),
        ("exec resume", "--json ID go", {"session": "ID", "prompt": "go"}),
        ("exec resume", "ID go --json", {"session": "ID", "prompt": "go"}),
        ("exec resume", "ID -- --json", {"session": "ID", "prompt": "--json"}),
        ("fork", "ID -m x go", {"session": "ID", "prompt": "go"}),
        ("models", "use --dry-run x", {"action": "use", "name": "x"}),
        ("models", "--json", {"action": "list", "name": None}),
        ("mcp", "get --json x", {"action": "get", "name": "x"}),
        ("mcp", "add --url u x", {"action": "add", "name": "x", "command": []}),
        ("mcp", "add --env A=b x -- c -d", {"name": "x", "command": ["c", "-d"]}),
    ],
)
def test_words_may_stand_on_both_sides_of_options(
    command: str, words: str, expected: dict[str, object]
) -> None:
    options = vars(PARSERS[command]().parse_args(words.split()))
    assert {key: options[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("command", "words", "told"),
    [
        ("sessions", ["-n", "-3"], "-n/--limit: `-3` is no number from 0 on"),
        ("sessions", ["-n", "9" * 5000], "is no number from 0 on"),
        ("bridge", ["--listen-port", "x"], "`x` is no number from 0 on"),
        ("bridge", ["logs", "-n", "1.5"], "`1.5` is no number from 0 on"),
        ("undo", ["-n", "0"], "0 is less than 1"),
        ("exec", ["-m", "", "hi"], "-m/--model: is empty"),
        ("exec", ["-C", "", "hi"], "-C/--cd: is empty"),
        ("exec", ["-p", " ", "hi"], "-p/--profile: is empty"),
        ("exec", ["--jsn", "hi"], "unrecognized arguments: --jsn"),
        ("exec resume", ["ID", "--jsn", "hi"], "unrecognized arguments: --jsn"),
    ],
)
def test_what_is_wrong_is_named_with_its_option(
    command: str, words: list[str], told: str
) -> None:
    with pytest.raises(UsageError) as caught:
        PARSERS[command]().parse_args(words)
    assert told in str(caught.value)
    assert caught.value.hint == f"For more, try `codex-oss {command} --help`."


@pytest.mark.parametrize("words", [["please", "review"], ["-m", "x", "sesions"]])
def test_only_the_first_word_is_a_command(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == UsageError.exit_code
    named = words[-1] if words[0].startswith("-") else words[0]
    assert f"Error: `{named}` is not a command" in capsys.readouterr().err


def test_options_may_stand_before_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["-m", "exec", "-n", "3", "--json", "sessions", "--help"]
    assert main(words) == 0
    assert "usage: codex-oss sessions" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("help", "Usage: codex-oss COMMAND"),
        ("help mcp", "usage: codex-oss mcp"),
        ("exec help", "usage: codex-oss exec"),
        ("help exec resume", "usage: codex-oss exec resume"),
    ],
)
def test_help_is_a_word_as_well(
    words: str, page: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words.split()) == 0
    assert page in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [["--version"], ["--help"], ["mcp", "--help"], ["config"], ["sessions", "--json"]],
)
def test_a_page_that_the_disk_has_no_room_for_is_an_error(
    tmp_path: Path, words: list[str]
) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*OURS, *words],
            cwd=prepared(tmp_path),
            env=environment(tmp_path),
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    told = "Error: cannot write the output: No space left on device\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_the_version_is_not_missed_where_nobody_hears_it(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", '"$@" >&-', "sh", *OURS, "--version"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_folder_that_was_deleted_is_named(tmp_path: Path) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'rmdir "$PWD"; exec "$@"', "sh", *OURS, "config"],
        cwd=_made(tmp_path / "gone"),
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Error: cannot use folder `.`: No such file" in done.stderr
    assert done.returncode == 1


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
