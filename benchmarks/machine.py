"""What the numbers were measured on."""

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "transformers", "numpy", "msgspec")


def describe_machine() -> list[tuple[str, str]]:
    """Return what a reader needs to judge the numbers, as pairs of name and value."""
    cores = os.cpu_count() or 1
    return [
        ("date", datetime.now(UTC).date().isoformat()),
        ("processor", f"{processor()}, {cores} cores"),
        ("system", f"{platform.system()} {platform.release().split('-')[0]}, {platform.machine()}"),
        ("Python", platform.python_version()),
        *((name, version(name)) for name in PACKAGES),
    ]


def processor() -> str:
    """Return the processor's model; where the system does not say, its architecture."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    return named.get("model name") or platform.machine()
