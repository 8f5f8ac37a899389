"""Whether a set of edits belongs to a model, and whether its entries can be applied there."""

from llmri_protocol.edit_sets import EditSet
from llmri_protocol.edits import Edit
from llmri_protocol.structs import ModelCard, SiteCard


def another_model(document: EditSet, card: ModelCard) -> str:
    """Say how the model that a set was made on differs from this one; empty where it does not."""
    made_on = document.model
    if made_on.name != card.name:
        return f"it was made on {made_on.name}, this model is {card.name}"
    if (made_on.family, made_on.layers) != (card.family, card.layers):
        was = f"{made_on.family} of {made_on.layers} layers"
        return f"it was made on a {was}, this {card.name} is a {card.family} of {card.layers}"
    widths = {site.name: site.width for site in card.sites}
    for name, site in made_on.sites.items():
        if name in widths and widths[name] != site.width:
            return f"it was made where `{name}` has {site.width} units, here it has {widths[name]}"
    return ""


def fits(document: EditSet, card: ModelCard) -> str:
    """Say which entry can't be applied to a model and why; empty where all can.

    The server checks again and more, such as values and protected units.
    """
    for number, edit in enumerate(document.edits, start=1):
        problem = _problem(edit, card)
        if problem:
            return f"edit {number} of {len(document.edits)} ({edit.site}, layer {edit.layer}): {problem}"
    return ""


def _problem(edit: Edit, card: ModelCard) -> str:
    editable = {site.name: site for site in card.sites if site.editable}
    if edit.site not in editable:
        return f"`{edit.site}` can't be edited here; editable are {', '.join(editable) or 'no sites'}"
    site = editable[edit.site]
    if edit.layer >= card.layers:
        return f"there is no layer {edit.layer}; {card.name} has layers 0 to {card.layers - 1}"
    return _whom_problem(edit, site)


def _whom_problem(edit: Edit, site: SiteCard) -> str:
    if edit.operation.aimed and len(edit.direction) != site.width:
        return f"its direction has {len(edit.direction)} numbers; `{edit.site}` has {site.width} units"
    if max(edit.units, default=0) >= site.width:
        return f"there is no unit {max(edit.units)}; `{edit.site}` has units 0 to {site.width - 1}"
    if edit.heads and max(edit.heads) >= site.heads:
        return f"there is no head {max(edit.heads)}; `{edit.site}` has {site.heads} heads"
    return ""
