"""Plans of files and of results, complete: what they run needs no other file."""

from llmri.experiment.clusters import with_clusters
from llmri.experiment.shipped import located
from llmri_server.experiments.errors import ExperimentError
from llmri_server.experiments.plan import Plan
from llmri_server.experiments.plan_file import read


def planned(given: str) -> Plan:
    """Return the plan of a file, or of a bundled experiment by name.

    Raises:
        ExperimentError: It cannot be read, or does not make sense.
    """
    path = located(given)
    plan = read(path)
    try:
        return with_clusters(plan, path.parent)
    except ExperimentError as error:
        raise ExperimentError(f"{path}: {error}") from None
