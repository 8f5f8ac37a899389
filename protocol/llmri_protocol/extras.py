"""How what is missing is installed, said once."""


def how_to_install(extra: str) -> str:
    """Return what brings the packages of an extra, or of several with commas between: no index has LLMRI."""
    return f"in a clone of LLMRI, pip install '.[{extra}]'"
