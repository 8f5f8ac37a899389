"""A message with its answer costs four files: done here on a copy, with a toy message."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import llmri
import llmri_protocol
import llmri_server

PACKAGES = [Path(str(package.__file__)).parent for package in (llmri, llmri_protocol, llmri_server)]
# The file, what is found in it, and what comes before that.
RECIPE = {
    "llmri_protocol/edit_messages.py": (
        "class Edits(",
        '''class CountEdits(Command, frozen=True, kw_only=True, tag="count_edits"):
    """Ask how many edits stand."""

    entry = ClientEntry(role="viewer", answer="edit_count", check=None)


class EditCount(Answer, frozen=True, kw_only=True, tag="edit_count"):
    """The answer to `count_edits`, before its `reply`."""

    entry = ServerEntry(plain=None, weight=lambda _: 0, check=None)

    count: Annotated[Count, Meta(description="how many")]


''',
    ),
    "llmri_server/service/edit_service.py": (
        "        handlers.add(Undo,",
        """        from llmri_protocol.messages import CountEdits, EditCount

        def count(caller: Caller, command: CountEdits) -> None:
            number = len(self.journal.state.edits)
            caller.member.outbox.put(EditCount(id=command.id, count=number))

        handlers.add(CountEdits, count)
""",
    ),
    "llmri/client.py": (
        "    def undo(self)",
        '''    def count_edits(self) -> int:
        """Return how many edits stand."""
        from llmri_protocol.messages import CountEdits, EditCount

        return self._asked(CountEdits(id=self._next_id()), EditCount).count

''',
    ),
}
TEST = """
import llmri, llmri_protocol
from docs.make import protocol as documentation
from llmri_protocol import states
from llmri_protocol.messages import CountEdits, Edit, EditCount
from llmri_server import Server, Settings
from tests.server.fakes import FakeRuntime

assert {"CountEdits", "EditCount"} <= set(llmri_protocol.__all__)
assert CountEdits in states.ROLES["viewer"] and EditCount in states.NATIVE["open"]["server"]
page = documentation.page()
assert "| `count_edits` | `edit_count` |" in page and "#### `edit_count`" in page
with Server(FakeRuntime(), Settings(port=0)) as server:
    with llmri.connect("{}:{}".format(*server.address)) as model:
        model.intervene(Edit(site="mlp_act", layer=0, units=(1,)))
        print("edits:", model.count_edits())
"""


def test_a_message_with_its_answer_costs_four_files(tmp_path: Path) -> None:
    for package in PACKAGES:
        shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("weights", "*.pyc"))
    for name, (found, before) in RECIPE.items():
        path = tmp_path / name
        text = path.read_text()
        assert text.count(found) == 1, name
        path.write_text(text.replace(found, before + found))
    toy = tmp_path / "toy_test.py"
    toy.write_text(TEST)
    assert len({*RECIPE, toy.name}) == 4
    # In front of where the packages are otherwise found; the fakes of the tests come from the checkout.
    path_list = [str(tmp_path), str(Path(__file__).parents[2]), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, str(toy)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path_list)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "edits: 1\n"), done.stderr
