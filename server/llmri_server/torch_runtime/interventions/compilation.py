"""From edits to what hooks do: a few dense tensors a place, however many units are edited."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from llmri_protocol.messages import Edit
from llmri_server.edits import Place, PlaceEdits, resolve
from llmri_server.edits.baselines import Baselines
from llmri_server.torch_runtime.interventions.gates import Gate
from llmri_server.torch_runtime.interventions.live import Draw, Live, Opening
from llmri_server.torch_runtime.interventions.steps import (
    ADDENDS,
    FACTORS,
    VALUES,
    Number,
    Program,
    Replacement,
    Resampling,
    Steering,
    UnitEdits,
    narrowed,
    rounds_addends,
)
from llmri_server.torch_runtime.taps import Site


@dataclass(frozen=True, eq=False)
class Compiled:
    """The program of each place, and what has to be brought up to date when a pass begins."""

    programs: Mapping[Place, Program]
    live: tuple[Live, ...]


class Compiler:
    """Makes programs of checked edits, on the device. Belongs to the model's thread."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        dtype: torch.dtype,
        device: torch.device,
        baselines: Baselines[Tensor],
    ) -> None:
        self._sites = sites
        self._dtype = dtype
        self._device = device
        self._baselines = baselines

    def compile(self, edits: Sequence[Edit]) -> Compiled:
        """Return what these edits do; this may take an unedited pass of the model."""
        with torch.inference_mode(mode=False), torch.no_grad():
            resolved = resolve(edits)
            self._baselines.prepare(resolved)
            making = _Making(self._sites, self._dtype, self._device, self._baselines)
            programs = {place: making.program(place, here) for place, here in resolved.items()}
            return Compiled(programs, tuple(making.live))


class _Making:
    """One compilation: gates and draws that several places share are made once."""

    def __init__(
        self,
        sites: Mapping[str, Site],
        dtype: torch.dtype,
        device: torch.device,
        baselines: Baselines[Tensor],
    ) -> None:
        self._sites = sites
        self._dtype = dtype
        self._device = device
        self._baselines = baselines
        self._openings: dict[Gate, Opening] = {}
        self._draws: dict[tuple[int, int], Draw] = {}

    @property
    def live(self) -> list[Live]:
        """What changes from pass to pass."""
        gated = [opening for opening in self._openings.values() if not opening.always]
        return [*gated, *self._draws.values()]

    def program(self, place: Place, here: PlaceEdits) -> Program:
        """Make the program of a place: every steer, then a group of units for every gate."""
        site = self._sites[place[0]]
        factor = site.taps[place[1]].factor or 1.0
        steps: list[tuple[Steering | UnitEdits, Opening]] = [
            (self._steering(edit, factor), self._opening(Gate.of(edit))) for edit in here.steers
        ]
        for gate, units in _by_gate(here.units).items():
            group = _Group(place, site.width, self._device, units)
            steps.append((self._unit_edits(group, factor), self._opening(gate)))
        return Program(steps)

    def _opening(self, gate: Gate) -> Opening:
        return self._openings.setdefault(gate, Opening(gate, self._device))

    def _steering(self, edit: Edit, factor: float) -> Steering:
        direction = torch.tensor(edit.direction, dtype=torch.float32, device=self._device)
        return Steering(edit.value * direction if factor == 1.0 else edit.value * direction / factor)

    def _unit_edits(self, group: "_Group", factor: float) -> UnitEdits:
        """Make the rows of one group; what is added or set is divided by what the model multiplies with."""
        addends = group.row(ADDENDS, -0.0, factor)
        if addends is not None and rounds_addends(self._dtype, self._device):
            addends = addends.to(self._dtype).float()
        factors = group.row(FACTORS, 1.0)
        return UnitEdits(
            touched=group.mask(group.units),
            factors=None if factors is None else narrowed(factors, self._dtype),
            addends=None if addends is None else narrowed(addends, self._dtype),
            replacement=self._replacement(group, factor),
            resamplings=tuple(self._resamplings(group)),
        )

    def _replacement(self, group: "_Group", factor: float) -> Replacement | None:
        constant = group.row(VALUES, 0.0, factor)
        here = group.of(lambda edit: edit.op in VALUES)
        averaged = group.of(lambda edit: edit.operation.averaged)
        for edit in {id(edit): edit for edit in averaged.values()}.values():
            units = [unit for unit, its in averaged.items() if its is edit]
            constant = torch.zeros(group.width, device=self._device) if constant is None else constant
            constant[units] = self._baselines.mean(group.place, edit)[units]
            here |= dict.fromkeys(units, edit)
        return None if constant is None else Replacement(group.mask(here), narrowed(constant, self._dtype))

    def _resamplings(self, group: "_Group") -> Iterable[Resampling]:
        sampled = group.of(lambda edit: edit.operation.sampled and not edit.operation.averaged)
        for seed in dict.fromkeys(edit.seed for edit in sampled.values()):
            bank = self._baselines.samples(group.place)
            draw = self._draws.setdefault((seed, len(bank)), Draw(seed, len(bank), self._device))
            units = [unit for unit, edit in sampled.items() if edit.seed == seed]
            yield Resampling(group.mask(units), bank, draw)


@dataclass(frozen=True)
class _Group:
    """The units of a place that one gate rules, and rows made of their edits."""

    place: Place
    width: int
    device: torch.device
    units: Mapping[int, Edit]

    def of(self, meant: Callable[[Edit], bool]) -> dict[int, Edit]:
        """Return the units with edits of one kind."""
        return {unit: edit for unit, edit in self.units.items() if meant(edit)}

    def row(self, numbers: Mapping[str, Number], elsewhere: float, divisor: float = 1.0) -> Tensor | None:
        """Return float32 `[width]` with a number for each unit of these operations, or None without any."""
        units = self.of(lambda edit: edit.op in numbers)
        if not units:
            return None
        row = torch.full((self.width,), elsewhere, dtype=torch.float32)
        values = [numbers[edit.op](edit) / divisor for edit in units.values()]
        row[list(units)] = torch.tensor(values, dtype=torch.float32)
        return row.to(self.device)

    def mask(self, units: Iterable[int]) -> Tensor:
        """Return bool `[width]` that is true at these units."""
        mask = torch.zeros(self.width, dtype=torch.bool)
        mask[list(units)] = True
        return mask.to(self.device)


def _by_gate(units: Mapping[int, Edit]) -> dict[Gate, dict[int, Edit]]:
    """Sort units by when their edits act; a gate is worked out once an edit, not once a unit."""
    gates = {id(edit): Gate.of(edit) for edit in units.values()}
    groups: dict[Gate, dict[int, Edit]] = {}
    for unit, edit in units.items():
        groups.setdefault(gates[id(edit)], {})[unit] = edit
    return groups
