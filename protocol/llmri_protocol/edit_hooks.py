"""A set of edits as a plain dict for other intervention libraries, under TransformerLens's hook names."""

from typing import Any

from llmri_protocol.edit_sets import EditSet, EditSetError, SetSite
from llmri_protocol.edits import Edit
from llmri_protocol.sites import HOOKS, SITES


def as_hooks(document: EditSet) -> dict[str, list[dict[str, Any]]]:
    """Return the edits by hook name, in order, as values that JSON has.

    Each is a map with `op` and `positions`; `value` where the operation takes one; `units`, or at `hook_z`,
    whose activations are `[batch, position, head, index]`, `heads` and `indices` of equal length; `steer` has
    `direction`, at `hook_z` `[heads, indices]`. `since`, `special`, `schedule`, `baseline` and `seed` are
    there where they are not the defaults.

    Raises:
        EditSetError: A site has no such name, or the document doesn't say how many heads it has.
    """
    hooks: dict[str, list[dict[str, Any]]] = {}
    for number, edit in enumerate(document.edits, start=1):
        site = document.model.sites.get(edit.site)
        if edit.site not in HOOKS or site is None or (_headed(edit) and not site.heads):
            raise EditSetError(f"edit {number}: `{edit.site}` has no hook in TransformerLens")
        hooks.setdefault(HOOKS[edit.site].format(layer=edit.layer), []).append(_hook(edit, site))
    return hooks


def _hook(edit: Edit, site: SetSite) -> dict[str, Any]:
    hook: dict[str, Any] = {"op": edit.op, **_whom(edit, site)}
    operation = edit.operation
    if operation.valued:
        hook["value"] = edit.value
    if operation.own and not operation.aimed:
        hook[operation.own] = getattr(edit, operation.own)
    hook["positions"] = edit.positions if isinstance(edit.positions, str) else list(edit.positions)
    if edit.since is not None:
        hook["since"] = edit.since
    if not edit.special:
        hook["special"] = False
    if edit.schedule is not None:
        schedule = edit.schedule
        hook["schedule"] = {"first": schedule.first, "tokens": schedule.tokens, "ramp": schedule.ramp}
    return hook


def _whom(edit: Edit, site: SetSite) -> dict[str, Any]:
    """Return the units that an edit acts on, or its direction."""
    size = site.width // site.heads if site.heads else 0
    if edit.operation.aimed:
        direction = list(edit.direction)
        if not _headed(edit):
            return {"direction": direction}
        return {"direction": [direction[start : start + size] for start in range(0, site.width, size)]}
    if not _headed(edit):
        return {"units": list(edit.units)}
    of_heads = (unit for head in edit.heads for unit in range(head * size, (head + 1) * size))
    units = list(dict.fromkeys((*edit.units, *of_heads)))
    return {"heads": [unit // size for unit in units], "indices": [unit % size for unit in units]}


def _headed(edit: Edit) -> bool:
    """Whether the activations at an edit's site are `[batch, position, head, index]`."""
    return any(entry.headed for name, entry in SITES.items() if name == edit.site)
