"""Plans of files and of results, complete: what they run needs no other file."""

import msgspec

from llmri.experiment.clusters import with_clusters
from llmri.experiment.shipped import located
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Plan
from llmri_server.experiments.plan_file import read


def planned(given: str, model: str | None = None) -> Plan:
    """Return the plan of a file, or of a bundled experiment by name, with another model where one is given.

    Raises:
        ExperimentError: It cannot be read, or does not make sense.
    """
    path = located(given)
    plan = read(path)
    if model is not None:
        plan = msgspec.structs.replace(plan, model=model)
    try:
        return with_clusters(plan, path.parent)
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from None
