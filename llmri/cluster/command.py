"""`llmri cluster`: the command line."""

from typing import TYPE_CHECKING

from llmri.cluster.errors import ClusterError
from llmri.cluster.options import ClusterOptions
from llmri.cluster.prompts import read
from llmri_client.options import TokenError
from llmri_client.reaching import UnreachableError
from llmri_client.tls import CertificateError
from llmri_protocol.command_line import application, from_options, one_sentence

if TYPE_CHECKING:
    from llmri.cluster.collect import CollectingPlan

app = application()


@app.command()
@from_options
def cluster(options: ClusterOptions) -> None:
    """Find the units that fire together: collect from a running server, and write one file.

    It listens while others talk to the model, or says the prompts of a file. All samples count in the
    correlations. For labels, stability and null at most --keep of them are kept in memory.
    """
    from llmri.cluster import destination, work  # noqa: PLC0415 - scipy takes a second, and may be missing

    with one_sentence(
        "llmri cluster",
        *(ClusterError, UnreachableError, TokenError, CertificateError),
        worded={MemoryError: lambda error: f"there is not enough memory: {error}"},
    ):
        if options.show is not None:
            work.show(destination.opened(options.show), options.rank, options.top)
            return
        plan = _plan(options)
        work.make(
            options.source or plan,
            options.building(),
            out=options.out,
            previous=options.previous,
            rank=options.rank,
            top=options.top,
        )


def _plan(options: ClusterOptions) -> "CollectingPlan":
    """Return what is to be collected."""
    from llmri.cluster.collect import CollectingPlan, Goal  # noqa: PLC0415 - as above

    return CollectingPlan(
        address=options.where,
        credentials=options.access.read(),
        site=options.site,
        layers=options.wanted_layers,
        prompts=read(options.prompts) if options.prompts else (),
        goal=Goal(options.most_turns, options.samples),
        groups=options.named_turns,
        keep=options.keep,
        first_tokens=options.keep_first,
        seed=options.seed,
    )
