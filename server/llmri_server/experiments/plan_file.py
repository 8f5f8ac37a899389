"""An experiment's file, read: prompts of other files come into the plan, so that it stands alone."""

from pathlib import Path

import msgspec

from llmri_protocol.configs import ConfigError, load
from llmri_protocol.user_files import TextError, read_text
from llmri_server.experiments.checking import check
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Group, Plan, Question


def read(path: Path) -> Plan:
    """Read and check a plan; the units of clusters are still to be looked up.

    Raises:
        ExperimentError: It cannot be read or does not make sense; the sentence names the key.
    """
    try:
        plan = load(path, Plan)
        groups = tuple(_with_prompts(group, path.parent) for group in plan.groups)
        whole = msgspec.structs.replace(plan, groups=groups)
        check(whole)
    except ConfigError as error:
        raise ExperimentError(str(error)) from None
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from None
    return whole


def _with_prompts(group: Group, folder: Path) -> Group:
    if not group.file:
        return group
    source = folder / group.file
    try:
        text = read_text(source)
    except OSError as error:
        raise ExperimentError(f"groups.{group.name}.file: cannot read {source}: {error.strerror}") from None
    except TextError as error:
        raise ExperimentError(f"groups.{group.name}.file: {source} can't be used: {error}") from None
    prompts = (*group.prompts, *(_question(line) for line in text.splitlines() if _says(line)))
    if not prompts:
        raise ExperimentError(f"groups.{group.name}.file: {source} holds no prompts, expected one a line")
    return msgspec.structs.replace(group, prompts=prompts, file="")


def _says(line: str) -> bool:
    return bool(line.strip()) and not line.startswith("#")


def _question(line: str) -> Question:
    prompt, _, reply = line.partition("\t")
    return Question(prompt=prompt.strip(), reply=reply.strip() or None)
