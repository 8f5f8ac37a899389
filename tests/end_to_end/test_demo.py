"""`llmri demo` without a screen, cut down to a few questions."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

from PIL import Image

SMALL = ("--each", "3", "--examples", "8", "--draws", "1")


def test_the_demo_talks_ablates_and_leaves_pictures_and_tables(tmp_path: Path) -> None:
    out = tmp_path / "what it left"
    environment = {name: value for name, value in os.environ.items() if "DISPLAY" not in name}
    done = subprocess.run(
        [sys.executable, "-m", "llmri", "demo", "--out", str(out), *SMALL],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert "37 + 45 = 82." in done.stdout
    assert "64 + 19 = 83." in done.stdout
    assert "58 + 26 = 84." not in done.stdout
    assert "neurons are ablated" in done.stdout
    for name in ("1-sum-untouched", "2-sum-ablated", "3-capital-ablated", "4-story-untouched", "ablation"):
        with Image.open(out / f"{name}.png") as picture:
            assert len(set(picture.convert("L").tobytes())) > 20, name
    with (out / "ablation.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len({row["condition"] for row in rows}) == 5
    assert all(0 <= float(row["share"]) <= 1 for row in rows)
    record = json.loads((out / "ablation.json").read_text(encoding="utf-8"))
    assert record["plan"]["draws"] == 1
    assert record["versions"]["torch"]
