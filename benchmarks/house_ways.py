"""Three ways through the product, to count the files on each: a turn, an edit, a picture.

Each is prepared, run once to be warm, and returned as what is then followed, in one thread:

- a turn of llama.cpp: `LlamaRuntime.generate`, eight tokens with one site scanned, into an idle sink;
- an edit in a PyTorch pass: from `apply_edits` to the end of the next pass over eight tokens;
- what the viewer shows: from a scan to the picture of the grid, painted.
"""

import os
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from llmri_protocol.messages import Edit
from llmri_server.runtime import CapturePlan, ChatMessage, Sampling, ScanEvent, TokenEvent

SITE = "resid_post"


class Silent:
    """A sink that lets everything go."""

    def token(self, event: TokenEvent) -> None:
        """Take a token."""

    def scan(self, event: ScanEvent) -> None:
        """Take a scan."""


def llama_turn() -> Callable[[], object]:
    """Return one turn of pocket's GGUF file."""
    from llmri_server.llama_runtime import Options, load  # noqa: PLC0415 - an extra
    from llmri_server.runtimes.registry import find_gguf  # noqa: PLC0415

    runtime = load(find_gguf("pocket-q8_0.gguf"), Options(threads=1))
    runtime.capture(CapturePlan(((SITE, (0, 1)),)))
    said = [ChatMessage(role="user", content="What is 37 plus 45?")]
    run = partial(runtime.generate, said, Sampling(max_new_tokens=8), Silent(), threading.Event())
    run()
    return run


def torch_edit() -> Callable[[], object]:
    """Return an edit and the pass that first has it."""
    import torch  # noqa: PLC0415 - an extra

    from llmri_server.torch_runtime import load  # noqa: PLC0415

    runtime = load("pocket", device="cpu", dtype="float32")
    ids = torch.tensor([runtime.text_ids("one two three four")])

    def run(number: int) -> None:
        runtime.apply_edits([Edit(site="mlp_act", layer=3, units=(number,))])
        runtime.model(ids, use_cache=False)

    kept = ExitStack()  # the hooks are gone when it is
    kept.enter_context(runtime.hooked())
    run(1)

    def hooked() -> ExitStack:
        run(2)
        return kept

    return hooked


def shown() -> Callable[[], object]:
    """Return the picture of one scan in the grid, painted."""
    os.environ["SDL_VIDEODRIVER"] = "dummy"
    from llmri_look.keys import bindings  # noqa: PLC0415
    from llmri_viewer import views  # noqa: PLC0415
    from llmri_viewer.commands.tokens import MoveToken  # noqa: PLC0415
    from llmri_viewer.drawing import scene  # noqa: PLC0415
    from llmri_viewer.model.options import Options  # noqa: PLC0415
    from tests.viewer.conftest import STORY_TOLD, Desk  # noqa: PLC0415
    from tests.viewer.synthetic import SyntheticServer  # noqa: PLC0415

    server = SyntheticServer().__enter__()
    desk = Desk(server, Options(), bindings.load())
    desk.play(STORY_TOLD)

    def run() -> None:
        view = views.of(desk.state)
        picture = view.picture(desk.state, desk.session.store)
        why = partial(view.why_empty, desk.state, desk.session.store)
        scene.paint(desk.window.canvas, desk.state, desk.session.store, picture, why)

    run()
    desk.session.do(MoveToken(-1))
    return run


WAYS: Mapping[str, Callable[[], Callable[[], object]]] = {
    "a turn of llama.cpp": llama_turn,
    "an edit in a PyTorch pass": torch_edit,
    "what the viewer shows": shown,
}
