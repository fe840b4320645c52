"""``codex-oss mcp``, held against what ``codex mcp`` 0.169 prints."""

import json
import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import mcp_scripted
from codex_oss.cli import main

CODEX = os.environ.get("CODEX_BIN", "")
CONFIG = """\
# mine
[mcp_servers.a]
command = "npx"
args = ["-y", "two words"]
env_vars = ["X", "Y"]
cwd = "/tmp"
startup_timeout_sec = 12.5
tool_timeout_sec = 60
enabled_tools = ["x", "y"]
disabled_tools = ["z"]
[mcp_servers.a.env]
A = "1"
[mcp_servers.b]
url = "http://127.0.0.1:9/mcp"
http_headers = { K = "v" }
env_http_headers = { H = "VAR" }
enabled = false
[mcp_servers.c]
url = "http://127.0.0.1:9/mcp"
bearer_token_env_var = "TOK"
startup_timeout_ms = 1500
default_tools_approval_mode = "approve"
"""
LIST = """\
Name  Command  Args          Env                        Cwd   Status   Auth       
a     npx      -y two words  A=*****, X=*****, Y=*****  /tmp  enabled  Unsupported

Name  Url                     Bearer Token Env Var  Status    Auth        
b     http://127.0.0.1:9/mcp  -                     disabled  Unsupported 
c     http://127.0.0.1:9/mcp  TOK                   enabled   Bearer token
"""  # noqa: W291  Codex fills the last column, too
GET = """\
a
  enabled: true
  enabled_tools: x, y
  disabled_tools: z
  transport: stdio
  command: npx
  args: -y two words
  cwd: /tmp
  env: A=*****, X=*****, Y=*****
  startup_timeout_sec: 12.5
  tool_timeout_sec: 60
  remove: codex-oss mcp remove a
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CODEX_HOME", str(tmp_path))
    (tmp_path / "config.toml").write_text(CONFIG)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["mcp", *words])
    out, err = capsys.readouterr()
    return code, out, err


def test_servers_are_listed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list") == (0, LIST, "")


def test_one_server_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "get", "a") == (0, GET, "")
    assert run(capsys, "get", "b") == (0, "b (disabled)\n", "")
    code, out, err = run(capsys, "get", "none")
    assert (code, out, err) == (1, "", "Error: No MCP server named 'none' found.\n")


def test_there_may_be_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").unlink()
    assert run(capsys, "list", "--json") == (0, "[]\n", "")
    said = (
        "No MCP servers configured yet. Try `codex-oss mcp add my-tool -- my-command`."
    )
    assert run(capsys, "list") == (0, f"{said}\n", "")


@pytest.mark.skipif(not CODEX, reason="CODEX_BIN does not name the Codex CLI")
@pytest.mark.parametrize(
    "words",
    [
        *(("list",), ("list", "--json"), ("get", "a"), ("get", "b"), ("get", "c")),
        *(("get", name, "--json") for name in "abc"),
        ("remove", "none"),
    ],
    ids=" ".join,
)
def test_the_output_is_that_of_codex(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    theirs = subprocess.run(
        [CODEX, "mcp", *words],
        env=os.environ | {"CODEX_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    code, out, _ = run(capsys, *words)
    # The one line that names the program.
    assert out.replace("codex-oss mcp", "codex mcp") == theirs.stdout
    assert code == theirs.returncode


def test_a_server_is_added_and_removed_and_the_rest_stays(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = run(capsys, "add", "new", "--env", "K=a=b", "--", "npx", "-y", "--", "x")
    assert added == (0, "Added global MCP server 'new'.\n", "")
    _, out, _ = run(capsys, "get", "new", "--json")
    transport = json.loads(out)["transport"]
    assert transport["args"] == ["-y", "--", "x"]
    assert transport["env"] == {"K": "a=b"}
    removed = run(capsys, "remove", "new")
    assert removed == (0, "Removed global MCP server 'new'.\n", "")
    assert (home / "config.toml").read_text() == CONFIG
    gone = run(capsys, "remove", "new")
    assert gone == (0, "No MCP server named 'new' found.\n", "")


def test_servers_that_are_added_at_the_same_time_are_all_there(tmp_path: Path) -> None:
    names = [f"s{number}" for number in range(6)]
    program = [sys.executable, "-m", "codex_oss", "mcp", "add"]
    adding = [
        subprocess.Popen(
            [*program, name, "--", "true"],
            env=os.environ | {"CODEX_HOME": str(tmp_path)},
            stdout=subprocess.DEVNULL,
        )
        for name in names
    ]
    assert [each.wait(180) for each in adding] == [0] * len(names)
    path = tmp_path / "config.toml"
    assert sorted(tomllib.loads(path.read_text())["mcp_servers"]) == names
    # As the Codex CLI makes it: keys of servers may stand in it.
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_server_with_an_address_is_added(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "add", "h", "--url", "http://h/x", "--bearer-token-env-var", "T")
    text = (home / "config.toml").read_text()
    table = '[mcp_servers.h]\nurl = "http://h/x"\nbearer_token_env_var = "T"\n'
    assert text == f"{CONFIG}\n{table}"


@pytest.mark.parametrize(
    "words",
    [
        *(("add",), ("add", "x"), ("get",), ("frob",), ("remove",), ("test",)),
        ("list", "x"),
        ("add", "x", "--url", "http://h", "--", "y"),
        ("add", "x", "--url", "http://h", "--env", "A=1"),
        ("add", "x", "--env", "A", "--", "y"),
        ("add", "x", "--bearer-token-env-var", "T", "--", "y"),
        ("add", "x", "--oauth-client-id", "T", "--", "y"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_meant_is_an_error_of_usage(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert (home / "config.toml").read_text() == CONFIG


@pytest.mark.parametrize("name", ["a b", "ä", "a\nb", ""])
@pytest.mark.parametrize("action", ["add", "remove"])
def test_a_name_that_codex_refuses_is_refused_in_its_words(
    home: Path, capsys: pytest.CaptureFixture[str], action: str, name: str
) -> None:
    if action == "add":
        ran = run(capsys, "add", name, "--", "echo")
    else:
        ran = run(capsys, "remove", name)
    words = "(use letters, numbers, '-', '_', ':', '@', '/', '.')"
    if name:
        assert ran == (1, "", f"Error: invalid server name '{name}' {words}\n")
    else:  # nothing was given at all, as far as we can tell
        assert ran[0] == 2
    assert (home / "config.toml").read_text() == CONFIG


def test_a_name_may_have_all_letters_that_codex_takes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, "add", "a-b_1:@/.Z", "--", "echo")
    assert (code, out) == (0, "Added global MCP server 'a-b_1:@/.Z'.\n")
    assert run(capsys, "get", "a-b_1:@/.Z")[0] == 0


def test_an_oauth_client_is_added(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--oauth-client-id", "me", "--oauth-resource", "https://r.example")
    code, out, _ = run(capsys, "add", "o", "--url", "http://h/x", *words)
    assert (code, out.splitlines()[1:]) == (
        0,
        [
            (
                "MCP server may or may not require login. "
                "Run `codex-oss mcp login o` to login."
            )
        ],
    )
    added = tomllib.loads((home / "config.toml").read_text())["mcp_servers"]["o"]
    assert added == {
        "url": "http://h/x",
        "oauth_resource": "https://r.example",
        "oauth": {"client_id": "me"},
    }


def test_a_server_is_tried(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(capsys, "add", "d", "--", sys.executable, mcp_scripted.__file__, "demo")
    code, out, err = run(capsys, "test", "d")
    assert (code, err) == (0, "")
    first, *tools = out.splitlines()
    assert first.startswith("d: 5 tools, in ")
    assert tools == [
        "  echo: Does echo.",
        "  fail: Does fail.",
        "  img: Does img.",
        "  rpcerr: Does rpcerr.",
        "  write-thing (may change something): Does write-thing.",
    ]
    with (home / "config.toml").open("a") as file:
        file.write('enabled_tools = ["echo"]\n')
    assert run(capsys, "test", "d")[1].startswith("d: 1 tool, in ")
    run(capsys, "add", "e", "--", sys.executable, mcp_scripted.__file__, "never starts")
    why = "it ended with exit code 1: no such database"
    told = f"Error: MCP server e does not start: {why}\n"
    assert run(capsys, "test", "e") == (1, "", told)


def test_what_is_wrong_with_a_server_is_said_with_its_address_and_the_next_step(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "add", "h", "--url", "http://me:key@127.0.0.1:9/mcp?key=secret")
    code, out, err = run(capsys, "test", "h")
    assert (code, out) == (1, "")
    first, second = err.splitlines()
    assert first == (
        "Error: MCP server h does not start: cannot connect to "
        "http://127.0.0.1:9/mcp: All connection attempts failed"
    )
    assert "Is the server running, and `mcp_servers.h.url` right?" in second
