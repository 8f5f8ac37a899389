"""The examples of docs/clustering.md, run as they stand."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "clustering.md"


def test_the_examples_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    examples = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(examples) == 3
    monkeypatch.chdir(tmp_path)
    exec("\n".join(examples), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("[16 16 16 16 16 16 16 16]")
    assert lines[1].endswith("0.5 cycles per token")
    assert len(lines[2:]) == 8
    assert all(line.endswith("True") for line in lines[2:])
