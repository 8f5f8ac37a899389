"""What an experiment does, as its TOML file says it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_protocol.edits import Positions
from llmri_protocol.operations import UnitOperation
from llmri_server.settings import Dtype

Measure = Literal["score", "loss", "kl"]
Named = Annotated[str, Meta(min_length=1, max_length=64)]
Positive = Annotated[int, Meta(ge=1)]
Whole = Annotated[int, Meta(ge=0)]
Share = Annotated[float, Meta(gt=0, le=1)]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A table of the file."""


class Question(Part, frozen=True, kw_only=True):
    """Something to ask, and the right reply to it, where there is one."""

    prompt: Annotated[str, Meta(min_length=1)]
    reply: Annotated[str, Meta(min_length=1)] | None = None


class Group(Part, frozen=True, kw_only=True):
    """Prompts that belong together: bundled skills by name, or prompts written here or in a file.

    Attributes:
        name: What units and tables call it.
        skills: Bundled skills; each is asked and told by itself.
        prompts: Prompts of one's own.
        file: More of them, one a line, a tab before the right reply; relative to the experiment's file.
        match: When a reply to one of these is right: equal to the expected one, or containing it.
        questions: How many held-out questions each skill is asked.
        examples: How many right training answers of each skill units are chosen from.
        use: Whether units are chosen from it, or it is asked, or both.
    """

    name: Named
    skills: tuple[str, ...] = ()
    prompts: tuple[Question, ...] = ()
    file: str = ""
    match: Literal["exact", "contains"] = "exact"
    questions: Positive = 60
    examples: Positive = 60
    use: Literal["both", "choose", "ask"] = "both"


class LayerUnits(Part, frozen=True, kw_only=True):
    """Some units of one layer."""

    layer: Whole
    units: Annotated[tuple[Whole, ...], Meta(min_length=1)]


class ListedUnits(Part, frozen=True, kw_only=True, tag_field="by", tag="list"):
    """Units by number."""

    places: Annotated[tuple[LayerUnits, ...], Meta(min_length=1)]
    site: str = "mlp_act"


class AllUnits(Part, frozen=True, kw_only=True, tag_field="by", tag="all"):
    """Every unit, of all layers or of some."""

    site: str = "mlp_act"
    layers: tuple[Whole, ...] = ()


class SelectiveUnits(Part, frozen=True, kw_only=True, tag_field="by", tag="selective"):
    """The units most selective for a group: so many, or a share of those there are.

    Attributes:
        group: The group that they fire for.
        against: The groups that they don't fire for; by default all others.
        count: How many.
        share: Or what share of the units of those layers.
        site: The site.
        layers: The layers to choose from; by default all.
    """

    group: str
    against: tuple[str, ...] = ()
    count: Positive | None = None
    share: Share | None = None
    site: str = "mlp_act"
    layers: tuple[Whole, ...] = ()


class ClusterUnits(Part, frozen=True, kw_only=True, tag_field="by", tag="clusters"):
    """The units of whole clusters of a file that `llmri cluster` wrote.

    Attributes:
        file: The cluster file, relative to the experiment's file.
        numbers: Which clusters.
        group: Or those that fire most surely for a group of the file's turns,
        count: as many as have at most so many units together,
        share: or at most this share of the units.
    """

    file: Named
    numbers: tuple[Whole, ...] = ()
    group: str = ""
    count: Positive | None = None
    share: Share | None = None


Units = ListedUnits | AllUnits | SelectiveUnits | ClusterUnits


class Operation(Part, frozen=True, kw_only=True):
    """What happens to the units, as an edit says it.

    `doses` are the values of operations that take one, each tried by itself.
    """

    op: UnitOperation
    doses: tuple[float, ...] = ()
    positions: Positions = "all"
    special: bool = True
    seed: Whole = 0


class Controls(Part, frozen=True, kw_only=True):
    """Random units, drawn from the same layers as the chosen ones.

    Attributes:
        random: Draws of equal number.
        matched: Draws of equal total activation norm.
        norm_over: The group in whose replies the norm is measured; by default the one that units are chosen
            for, and without one all.
        by_layer: Whether each layer keeps its own number, and its own norm.
    """

    random: Whole = 20
    matched: Whole = 20
    norm_over: str = ""
    by_layer: bool = False


class Plan(Part, frozen=True, kw_only=True):
    """An experiment.

    Attributes:
        title: Its name.
        about: One sentence on it.
        model: As `llmri serve` takes it.
        device: As `llmri serve` takes it.
        dtype: As `llmri serve` takes it.
        groups: What is asked.
        units: How the units are chosen.
        operations: What is done to them, one after the other.
        sweep: With `layers`, units are chosen and edited in each layer alone.
        controls: What the chosen units are compared with.
        measures: `score`, the share answered rightly; `loss`, of the right reply; `kl`, from no edit.
        seed: Seed of questions, draws and intervals.
        resamples: Of the bootstrap.
        batch: Questions in one forward pass.
    """

    title: Named
    about: str = ""
    model: str = "pocket"
    device: str = "auto"
    dtype: Dtype = "auto"
    groups: Annotated[tuple[Group, ...], Meta(min_length=1)]
    units: Units
    operations: Annotated[tuple[Operation, ...], Meta(min_length=1)]
    sweep: Literal["none", "layers"] = "none"
    controls: Controls = Controls()
    measures: Annotated[tuple[Measure, ...], Meta(min_length=1)] = ("score", "loss", "kl")
    seed: Whole = 0
    resamples: Positive = 2000
    batch: Positive = 100
