"""What happens at the nodes of one pass: rows are read, edited, kept, and written back once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from llmri_server.edits import Place
from llmri_server.llama_runtime.context import Pass
from llmri_server.llama_runtime.ggml import Ggml
from llmri_server.llama_runtime.interventions import Compiled, Openings, Program
from llmri_server.llama_runtime.observer import Stop
from llmri_server.llama_runtime.sites import Site, node_of
from llmri_server.runtime import SiteLayers

Floats = npt.NDArray[np.float32]

ROW = 4  # bytes of a value


@dataclass(frozen=True, eq=False)
class Act:
    """What happens for one place at a node: its program, if it is edited, and where its rows are kept.

    Attributes:
        place: A site's layer; two places may share a node, in the order in which the model passes them.
        program: The edits.
        row: Its number among the site's wanted layers; None where it is not wanted.
    """

    place: Place
    program: Program | None
    row: int | None


class NodeHandlers:
    """The stops for some edits and wishes, used pass after pass.

    Args:
        ggml: Reads and writes tensors.
        sites: The model's.
        special: The tokens that edits can leave out.
        compiled: What is edited.
        wanted: What is kept.
    """

    def __init__(
        self,
        ggml: Ggml,
        sites: Mapping[str, Site],
        special: frozenset[int],
        compiled: Compiled,
        wanted: SiteLayers,
    ) -> None:
        self._ggml = ggml
        self._sites = sites
        self._special = special
        self.compiled = compiled
        self.wanted = wanted
        self.at: dict[Place, Stop] = {
            node: self._stop(acts) for node, acts in self._acts_by_node(compiled, wanted).items()
        }
        self.kept: dict[str, Floats] = {}
        self._addresses: dict[str, int] = {}

    def begin(self, now: Pass, kept: int) -> None:
        """Make room for the last so many positions of a pass, `[positions, layers, width]` a site."""
        self._now = now
        self._openings = Openings(now, self._special)
        self.kept = {
            name: np.empty((kept, len(layers), self._sites[name].width), np.float32)
            for name, layers in self.wanted
        }
        self._count = kept
        self._single = kept == 1 == len(now.ids)
        if self._single:
            self._addresses = {name: rows.ctypes.data for name, rows in self.kept.items()}

    @property
    def reads_cut_rows(self) -> bool:
        """Whether a wanted layer only has the rows that give logits."""
        return any(not self._sites[name].cut.isdisjoint(layers) for name, layers in self.wanted)

    def _acts_by_node(self, compiled: Compiled, wanted: SiteLayers) -> dict[Place, list[Act]]:
        rows = {(name, layer): row for name, layers in wanted for row, layer in enumerate(layers)}
        places = dict.fromkeys([*compiled.programs, *rows])
        acts: dict[Place, list[Act]] = {}
        for place in sorted(places, key=lambda place: place[1]):  # an output comes before the next input
            act = Act(place, compiled.programs.get(place), rows.get(place))
            acts.setdefault(node_of(place), []).append(act)
        return acts

    def _stop(self, acts: Sequence[Act]) -> Stop:
        """Return what happens at a node; a single row that is only kept goes straight where it belongs."""
        (name, layer), *_ = (act.place for act in acts)
        site = self._sites[name]
        size = ROW * site.width
        get = self._ggml.get
        row = acts[0].row
        plain = len(acts) == 1 and acts[0].program is None

        def stop(address: int, half: bool) -> None:
            if plain and self._single and not half and row is not None:
                get(address, self._addresses[name] + row * size, 0, size)
            else:
                self._work(address, acts, half, cut=layer in site.cut)

        return stop

    def _work(self, address: int, acts: Sequence[Act], half: bool, *, cut: bool) -> None:
        now = self._now
        count = len(now.outputs) if cut else len(now.ids)
        if not count:
            return
        rows = self._read(address, count, self._sites[acts[0].place[0]].width, half)
        edited = False
        for act in acts:
            if act.program is not None:
                with np.errstate(all="ignore"):  # an edit may well overflow: the logits tell
                    edited |= act.program.apply(rows, now, self._openings, cut=cut)
            if act.row is not None and self._count:
                self.kept[act.place[0]][:, act.row] = rows[-self._count :]
        if edited:
            self._write(address, rows, half)

    def _read(self, address: int, count: int, width: int, half: bool) -> Floats:
        values: npt.NDArray[Any] = np.empty((count, width), np.float16 if half else np.float32)
        self._ggml.get(address, values.ctypes.data, 0, values.nbytes)
        return values.astype(np.float32, copy=False)

    def _write(self, address: int, rows: Floats, half: bool) -> None:
        values: npt.NDArray[Any] = rows.astype(np.float16) if half else rows
        self._ggml.put(address, values.ctypes.data, 0, values.nbytes)
