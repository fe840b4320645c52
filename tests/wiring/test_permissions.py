"""What commands may do, from what a person has configured."""

from pathlib import Path

from codex_oss.config.load import load
from codex_oss.policy import Permissions
from codex_oss.wiring.permissions import (
    Job,
    permissions,
    rules_file,
    sandbox_summary,
)


def test_trusted_projects_inside_of_the_workspace_are_guarded_like_it(
    tmp_path: Path,
) -> None:
    work, home = tmp_path / "work", tmp_path / "home"
    for folder in (home, work / "app", work / "lib", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
    levels = {
        "work/app": "trusted",
        "work/lib": "untrusted",
        "work/absent": "trusted",
        "elsewhere": "trusted",
    }
    text = "".join(
        f'[projects."{tmp_path / path}"]\ntrust_level = "{level}"\n'
        for path, level in levels.items()
    )
    keys = "exclude_slash_tmp = true\nexclude_tmpdir_env_var = true\n"
    (home / "config.toml").write_text(f"{text}[sandbox_workspace_write]\n{keys}")
    env = {"HOME": str(tmp_path)}
    flags = {"sandbox_mode": ("--sandbox", "workspace-write")}
    loaded = load(home, env, flags=flags)
    job = Job(loaded=loaded, cwd=work, env=env)
    assert permissions(job).writable_roots == (str(work), str(work / "app"))


def test_rules_that_allow_count_where_commands_cannot_have_written_them(
    tmp_path: Path,
) -> None:
    top, home = tmp_path / "app", tmp_path / "home"
    (top / ".git").mkdir(parents=True)
    home.mkdir()
    for folder in (top, top / "sub"):
        (folder / ".codex" / "rules").mkdir(parents=True)
        rule = 'prefix_rule(pattern=["make"], decision="allow")\n'
        (folder / ".codex" / "rules" / "x.rules").write_text(rule)
    trusted = '[projects."{}"]\ntrust_level = "trusted"\n'

    def allowed(cwd: Path, *projects: Path) -> int:
        text = "".join(trusted.format(path) for path in projects)
        (home / "config.toml").write_text(text)
        env = {"HOME": str(tmp_path)}
        job = Job(loaded=load(home, env), cwd=cwd, env=env)
        return len(rules_file(job).load().rules)

    assert allowed(top) == 0
    assert allowed(top, top) == 1
    assert allowed(top / "sub", top) == 0
    assert allowed(top / "sub", top / "sub") == 1


def test_the_banner_names_no_folder_that_lies_in_another_but_the_own_one() -> None:
    allowed = Permissions(
        mode="workspace-write",
        writable_roots=("/tmp/app", "/srv/lib", "/tmp/trusted"),
        scratch=("/tmp",),
    )
    told = sandbox_summary(allowed, Path("/tmp/app"))
    assert told == "workspace-write [workdir, /srv/lib, /tmp]"
