"""Versions of Ollama, compared."""


def parts(version: str) -> tuple[int, ...] | None:
    """Return a version's numbers; None for one that says nothing, such as ``0.0.0``."""
    numbers = version.strip().removeprefix("v").partition("-")[0].split(".")
    if not all(each.isdecimal() for each in numbers):
        return None
    found = tuple(map(int, numbers))
    return found if any(found) else None


def older(version: str, than: tuple[int, ...]) -> bool:
    """Tell whether a version is older; development builds are not."""
    found = parts(version)
    return found is not None and found < than
