"""The scenario folders: files before, a patch, and files after or an error."""

import shutil
from pathlib import Path

import msgspec

ROOT = Path(__file__).parent / "scenarios"


class Scenario(msgspec.Struct, frozen=True):
    """One folder. ``$DIR`` in ``error`` stands for the directory of the files."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def patch(self) -> str:
        return (self.folder / "patch.txt").read_bytes().decode()

    @property
    def error(self) -> str | None:
        file = self.folder / "error.txt"
        return file.read_text() if file.exists() else None

    def lay_out(self, directory: Path) -> Path:
        """Put the input files into ``directory``."""
        source = self.folder / "input"
        if source.exists():
            shutil.copytree(source, directory, dirs_exist_ok=True)
        return directory

    def expected(self) -> dict[str, bytes]:
        """Return what the files are afterwards: as before when there is an error."""
        return tree(self.folder / ("expected" if self.error is None else "input"))


def tree(directory: Path) -> dict[str, bytes]:
    """Return all files under ``directory`` with their bytes."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


SCENARIOS = [Scenario(folder) for folder in sorted(ROOT.iterdir()) if folder.is_dir()]
