"""An edit operation costs four files: done here on a copy, with a toy operation, in every engine."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import llmri
import llmri_look
import llmri_protocol
import llmri_server
from llmri_protocol import configs

PACKAGES = [
    Path(str(package.__file__)).parent for package in (llmri, llmri_look, llmri_protocol, llmri_server)
]
# The file, what is found in it, and what stands there instead.
RECIPE = {
    "llmri_protocol/operations.py": [
        ('\nOperation = Literal["scale",', '\nOperation = Literal["negate", "scale",'),
        ('UnitOperation = Literal["scale",', 'UnitOperation = Literal["negate", "scale",'),
        (
            '        "scale": OperationEntry(',
            '        "negate": OperationEntry(\n'
            '            does="multiplies by less `value`", neutral=-1.0, amount="dose"\n        ),\n'
            '        "scale": OperationEntry(',
        ),
    ],
    "llmri_server/torch_runtime/interventions/steps.py": [
        (
            '= {"scale": lambda edit: edit.value}',
            '= {"scale": lambda edit: edit.value, "negate": lambda edit: -edit.value}',
        )
    ],
    "llmri_server/llama_runtime/interventions/steps.py": [
        (
            '= {"scale": Scaling,',
            '= {"negate": lambda units, values: Scaling(units, -values), "scale": Scaling,',
        )
    ],
    "tests/conformance/cases.py": [('VALUES = {"scale": -0.3,', 'VALUES = {"negate": 1.4, "scale": -0.3,')],
}
TEST = """
import sys
import numpy as np
import llmri
from docs.make import protocol as page
from llmri_look import edit_effects, edit_words
from llmri_protocol.messages import Edit
from llmri_server import Server, Settings
from llmri_server.runtime import EditError
from tests.conformance.cases import OPERATIONS, edit

assert "negate" in OPERATIONS and "`negate` multiplies by less `value`" in page.page()

def holds(runtime):
    site = next(site for site in runtime.card.sites if site.name == "mlp_act")
    toy = edit(site, 1, "negate")
    same = Edit(site=toy.site, layer=1, units=toy.units, value=-toy.value)
    runtime.check_edits([toy])
    ids = runtime.text_ids("abcdef")
    ours, theirs, plain = runtime.measure(ids, [[toy], [same], []]).logits
    np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(ours, plain)
    return toy

def made():
    from tests.gguf_models import gguf_model
    from pathlib import Path
    return gguf_model("llama", Path(sys.argv[2]))

if sys.argv[1] == "torch":
    from llmri_server.torch_runtime import load
    runtime = load("pocket", device="cpu", dtype="float32")
else:
    from llmri_server.llama_runtime import Options, load
    runtime = load(made().path, Options(threads=1, flash_attention="off", exact_cache=True))
toy = holds(runtime)
assert edit_words.amount(toy) == "negate +1.40"
with Server(runtime, Settings(port=0)) as server:
    with llmri.connect("{}:{}".format(*server.address)) as model:
        model.intervene(toy)
        assert server.edits.standing.edits[0].op == "negate"
print("it works")
"""


@pytest.mark.parametrize("engine", ["torch", "llama.cpp"])
def test_an_operation_costs_four_files(tmp_path: Path, engine: str) -> None:
    if engine == "llama.cpp" and find_spec("llama_cpp") is None:
        pytest.skip("llama-cpp-python is not installed")
    copy = tmp_path / "copy"
    for package in PACKAGES:
        shutil.copytree(package, copy / package.name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copytree(
        Path(__file__).parents[1], copy / "tests", ignore=shutil.ignore_patterns("*.pyc", "golden")
    )
    shutil.copytree(configs.folder(), copy / "llmri" / "configs")
    for name, changes in RECIPE.items():
        path = copy / name
        text = path.read_text()
        for found, instead in changes:
            assert text.count(found) == 1, (name, found)
            text = text.replace(found, instead)
        path.write_text(text)
    assert len(RECIPE) == 4
    path_list = [str(copy), str(Path(__file__).parents[2]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, "-c", TEST, engine, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path_list)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stdout) == (0, "it works\n"), done.stderr
