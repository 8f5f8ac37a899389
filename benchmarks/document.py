"""The page that a whole run leaves in `docs/`."""

from collections.abc import Sequence

from benchmarks.machine import describe_machine
from benchmarks.report import Part, to_markdown

HEAD = """# Benchmarks

Written by `make bench`; don't edit it by hand. To measure again, on a machine that does nothing else:

    make bench                              # everything, and this page anew
    .venv/bin/python -m benchmarks wire     # one of the sections' names; the page stays

Contestants take turns in one run, there and back in every round, and only figures of the same round are
divided. A table gives the median and the quartiles over the rounds; a gate holds for the median. A run that
saw more than a tenth of the machine used by other processes is void: it is tried again, and never kept.
"""


def page(sections: Sequence[Part]) -> str:
    """Return the whole page in Markdown."""
    machine = "\n".join(f"| {name} | {value} |" for name, value in describe_machine())
    parts = [HEAD, f"| machine | |\n| --- | --- |\n{machine}\n", *map(to_markdown, sections)]
    return "\n".join(parts)
