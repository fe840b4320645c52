"""When garbage is looked for: not before a command has begun (see ``main``)."""

import gc


def collect() -> None:
    """Look for it from now on; what is there now stays, and is not looked at again."""
    gc.freeze()
    gc.enable()
