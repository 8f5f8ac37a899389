"""What the viewer shows while its pictures are timed: 4096 units in clusters, and a turn of noise."""

import numpy as np

from llmri_clustering import Cluster, Clustering, Evidence, Nesting, Placement, Provenance, UnitSet
from llmri_protocol.arrays import scan_message
from llmri_protocol.messages import Limits, ModelCard, SiteCard, Token, TurnStart, Welcome
from llmri_viewer.app.application import Application
from llmri_viewer.model.clusters.atlas import Atlas

LAYERS, WIDTH, CLUSTERS = 8, 512, 48
SITE, TOKENS = "mlp_act", 64


def atlas() -> Atlas:
    """Return clusters of nothing over all units."""
    random = np.random.default_rng(0)
    units = UnitSet.of_layers(SITE, range(LAYERS), WIDTH)
    drawn = random.choice(CLUSTERS, len(units), p=random.dirichlet(np.ones(CLUSTERS)))
    drawn[:CLUSTERS] = np.arange(CLUSTERS)  # none is empty
    labels = random.permutation(drawn).astype(np.int32)
    parent = np.zeros(CLUSTERS + 1, np.int32)
    parent[0] = -1
    cells = np.stack(np.divmod(np.arange(len(units)), 64), axis=1).astype(np.int32)
    made = Provenance(
        model="pocket", samples=1000, turns=20, left_out=(), distance="1 - r", method="average",
        measure="pearson", seed=0, created="2026-01-01T00:00:00Z", warnings=(),
    )  # fmt: skip
    return Atlas.of(
        Clustering(
            units=units,
            active=np.ones(len(units), np.bool_),
            linkage=np.zeros((len(units) - 1, 4)),
            labels=labels,
            clusters=tuple(_cluster(number, int((labels == number).sum())) for number in range(CLUSTERS)),
            nesting=Nesting(parent, labels + 1, np.full(CLUSTERS + 1, -1, np.int32)),
            group_cluster=np.arange(-1, CLUSTERS, dtype=np.int32),
            placement=Placement(cells.astype(np.float32), cells, (64, 64)),
            provenance=made,
        )
    )


def _cluster(number: int, units: int) -> Cluster:
    evidence = Evidence(inside=0.5, separation=0.4, stability=0.8)
    null = Evidence(inside=0.05, separation=0.01, stability=0.07)
    return Cluster(number, units, evidence, null, real=True, tokens=(), turns=(), selectivity={})


def fill(session: Application) -> None:
    """Let a session be welcomed, and see a turn of 64 tokens."""
    card = ModelCard(
        name="pocket", runtime="none", family="llama", layers=LAYERS, hidden_size=192, heads=8,
        vocabulary=768, context=512, dtype="f32", device="cpu", chat=True, default_site=SITE, default_layer=4,
        sites=(SiteCard(name=SITE, width=WIDTH, editable=True, unit="MLP neuron"),),
    )  # fmt: skip
    limits = Limits(client_frame=1 << 20, server_frame=256 << 20, queue=64, prompt_positions=256)
    session.receive(Welcome(protocol=2, session="one", card=card, edits=(), limits=limits))
    session.receive(TurnStart(turn=1, prompt="Tell me a story.", time=0.0))
    random = np.random.default_rng(0)
    for token in range(TOKENS):
        rows = random.normal(size=(LAYERS, WIDTH)).astype(np.float32)
        session.receive(Token(turn=1, token=token, phase="generate", id=token, text=" fox"))
        session.receive(
            scan_message(
                rows, "f32", turn=1, token=token, phase="generate", site=SITE, layers=tuple(range(LAYERS)),
                time=0.0,
            )
        )  # fmt: skip
