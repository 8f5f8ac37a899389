"""Write the pages that the key table gives.

`python -m docs.make.keys > docs/keys.md` prints the page of all keys; `--readme [FILE]` renews the
short table between the marks in README.md.
"""

import argparse
import sys
from pathlib import Path

from llmri_look.keys import bindings, keysheet
from llmri_look.keys.bindings import Bindings
from llmri_look.keys.keynames import shown
from llmri_look.keys.keysheet import Line

BEGIN = "<!-- keys: made by `python -m docs.make.keys --readme` -->"
END = "<!-- /keys -->"


def page(table: Bindings) -> str:
    """Return the table as the page `docs/keys.md`."""
    lines = [
        "# Keys of `llmri view`",
        "",
        "Made from `configs/keys.toml` by `python -m docs.make.keys`.",
        "The help overlay (F1) shows the same rows, those of the present view first.",
        "",
        "The keys of a view hold besides the general ones, and before them.",
        "A file of the same form, `~/.config/llmri/keys.toml` or the one given with `--keys-file`, replaces",
        "the keys of the commands it names. A key that would mean two things in one mode, an unknown key and",
        "an unknown command are refused by name.",
    ]
    for section in keysheet.sections(table):
        lines += ["", f"## {section.title}", "", "| key | does | command |", "| --- | --- | --- |"]
        for line in section.lines:
            commands = ", ".join(f"`{command}`" for command in dict.fromkeys(line.commands))
            lines.append(f"| {_keys(line)} | {line.description} | {_shortened(commands, line)} |")
    return "\n".join(lines) + "\n"


def short(table: Bindings) -> str:
    """Return the keys that hold in every view in few rows, one a group, for the README."""
    rows = ["| | |", "| --- | --- |"]
    for section in (section for section in keysheet.sections(table) if section.mode == "view"):
        told = " · ".join(f"{_keys(line)} {line.description}" for line in section.lines)
        rows.append(f"| {section.title} | {told} |")
    return "\n".join(rows)


def renewed(text: str, table: Bindings) -> str:
    """Return a text with the short table between its marks.

    Raises:
        ValueError: A mark is missing.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"there is no place for the keys; mark one with `{BEGIN}` and `{END}`")
    return f"{before}{BEGIN}\n{short(table)}\n{END}{after}"


def _keys(line: Line) -> str:
    """Return the keys as code, a run of digits by its ends."""
    if "…" in line.shown_keys:
        return f"`{line.shown_keys}`"
    return ", ".join(f"`{shown(key)}`" for key in line.keys)


def _shortened(commands: str, line: Line) -> str:
    """Return the first and the last command of a run of digits."""
    return f"`{line.commands[0]}` … `{line.commands[-1]}`" if "…" in line.shown_keys else commands


def main() -> None:
    """Print the page, or renew the README."""
    parser = argparse.ArgumentParser(description="Write the pages that the key table gives.")
    parser.add_argument("--readme", type=Path, nargs="?", const=Path("README.md"), metavar="FILE")
    readme = parser.parse_args().readme
    table = bindings.load()
    if readme is None:
        sys.stdout.write(page(table))
    else:
        readme.write_text(renewed(readme.read_text(encoding="utf-8"), table), encoding="utf-8")


if __name__ == "__main__":
    main()
