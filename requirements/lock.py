"""Make the locks anew from pyproject.toml and constraints.txt: `make lock` (needs the index, and uv).

Every version is pinned in constraints.txt; a lock adds what other systems and Pythons need, and the SHA-256
of every file that the index serves for each version, so that pip refuses a file that was changed since.

    locked.txt        all that `make demo`, `make check` and `make test` install, but what stands below
    torch-cpu.txt     torch without CUDA, where the machine's own pip settings lead to one
    torch.txt         else the index's own build
    cuda.txt          what that wants on Linux
    llama-build.txt   what builds llama.cpp
    llama.txt         llama.cpp's source, whose wheel is built once a machine
"""

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent
CUDA = re.compile(r"(nvidia|cuda)-|triton=")
LLAMA = "llama-cpp-python="
PYTHON = "3.11"  # the oldest that is supported; markers tell the others apart
EDITABLE_BUILD = "hatchling\neditables\n"
LLAMA_BUILD = "scikit-build-core\ncmake\nninja\n"
# PyTorch publishes builds without CUDA beside the index's own. pip prefers a file whose hash the index tells,
# so that they need a lock of their own.
TORCH = "torch="
CPU_BUILDS = (
    "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
)  # Python 3.11, Linux, x86_64


def main() -> None:
    """Write all of them."""
    entries = resolve(EDITABLE_BUILD, "--extra", "dev", "pyproject.toml")
    cuda = [entry for entry in entries if CUDA.match(entry)]
    llama = [entry for entry in entries if entry.startswith(LLAMA)]
    torch = [entry for entry in entries if entry.startswith(TORCH)]
    write("locked.txt", (entry for entry in entries if entry not in {*cuda, *llama, *torch}))
    write("torch.txt", torch)
    write(
        "torch-cpu.txt",
        [torch[0].split()[0] + "".join(f" \\\n    --hash=sha256:{each}" for each in CPU_BUILDS)],
    )
    write("cuda.txt", cuda)
    write("llama.txt", llama)
    write("llama-build.txt", resolve(LLAMA_BUILD))


def resolve(packages: str, *more: str) -> list[str]:
    """Return an entry a package, with its hashes, for every system and supported Python."""
    command = ["uv", "pip", "compile", "--quiet", "--universal", "--python-version", PYTHON]
    command += [
        "--constraint",
        "constraints.txt",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        *more,
        "-",
    ]
    done = subprocess.run(command, cwd=ROOT, input=packages, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"uv could not resolve the requirements:\n{done.stderr}")
    return [entry.strip() for entry in re.split(r"\n(?=\S)", done.stdout) if entry.strip()]


def write(name: str, entries: Iterable[str]) -> None:
    """Write one lock."""
    text = "".join(f"{entry}\n" for entry in entries)
    (FOLDER / name).write_text(f"# Made by `make lock`; don't edit.\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
