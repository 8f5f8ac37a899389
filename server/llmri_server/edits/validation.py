"""Whether edits fit a model."""

import math
from collections.abc import Sequence

from llmri_protocol.messages import Edit, ModelCard, SiteCard
from llmri_protocol.operations import AIMED
from llmri_server.runtime import EditError

LARGEST_VALUE = 3.4e38  # multipliers are float32 on the device; beyond this they would be infinite


def check(edits: Sequence[Edit], card: ModelCard) -> None:
    """Pass if every edit fits the model.

    Raises:
        EditError: The first edit that does not fit; the sentence names it and says what would fit.
    """
    for number, edit in enumerate(edits, start=1):
        problem = _problem(edit, card)
        if problem:
            raise EditError(f"edit {number} of {len(edits)} ({edit.site}, layer {edit.layer}): {problem}")


def _problem(edit: Edit, card: ModelCard) -> str | None:
    """Say what is wrong with an edit, if anything."""
    editable = {site.name: site for site in card.sites if site.editable}
    site = editable.get(edit.site)
    if site is None:
        return f"{_unusable_site(edit.site, card)}; {_editable_here(list(editable))}"
    if not 0 <= edit.layer < card.layers:
        return f"there is no layer {edit.layer}; this model has layers 0 to {card.layers - 1}"
    return _units_problem(edit, site) or _value_problem(edit, site) or _positions_problem(edit)


def _units_problem(edit: Edit, site: SiteCard) -> str | None:
    if edit.operation.aimed:
        named = edit.units or edit.heads
        return f"`{edit.op}` moves all units of a site, so it takes no units" if named else None
    if not edit.units and not edit.heads:
        return "it names no unit; name at least one"
    for unit in edit.units:
        if not 0 <= unit < site.width:
            return f"there is no unit {unit}; `{edit.site}` has units 0 to {site.width - 1}"
    for head in edit.heads:
        if not site.heads:
            return f"`{edit.site}` has no heads; name units instead"
        if not 0 <= head < site.heads:
            return f"there is no head {head}; `{edit.site}` has heads 0 to {site.heads - 1}"
    return None


def _value_problem(edit: Edit, site: SiteCard) -> str | None:
    if not math.isfinite(edit.value) or abs(edit.value) > LARGEST_VALUE:
        return f"its value is {edit.value}; a finite float32 is needed, such as 0 to ablate or 1.5 to boost"
    if not edit.operation.aimed:
        return f"`{edit.op}` takes no direction; `{AIMED[0]}` does" if edit.direction else None
    if len(edit.direction) != site.width:
        return f"its direction has {len(edit.direction)} numbers; `{edit.site}` has {site.width} units"
    if not all(math.isfinite(number) and abs(number) <= LARGEST_VALUE for number in edit.direction):
        return "its direction has a number that is no finite float32"
    if not any(edit.direction):
        return "its direction is zero, which steers nowhere"
    return None


def _positions_problem(edit: Edit) -> str | None:
    if edit.schedule is not None and edit.positions == "prompt":
        return "a schedule counts the reply's tokens, so it has no meaning for positions of the prompt"
    if edit.schedule is not None and edit.schedule.tokens == 0:
        return "its schedule lasts 0 tokens; at least 1 is needed, or null for all"
    return None


def _unusable_site(name: str, card: ModelCard) -> str:
    if name in card.absent:
        why = card.reasons.get(name)
        return f"the site `{name}` was not found in this model" + (f" ({why})" if why else "")
    if any(site.name == name for site in card.sites):
        return f"the site `{name}` can be watched but not edited"
    return f"there is no site `{name}`"


def _editable_here(names: list[str]) -> str:
    if not names:
        return "no site of this model can be edited"
    return "editable here: " + ", ".join(f"`{name}`" for name in names)
