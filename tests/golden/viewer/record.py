"""Records what the golden pictures show: `python -m tests.golden.viewer.record`.

Starts the bundled model, holds a conversation, builds clusters from it and writes both beside this file.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np

import llmri
from llmri_clustering import Cluster, Clustering
from llmri_clustering import load as load_clusters
from llmri_protocol.messages import Edit, Scan, ServerMessage
from tests.golden.viewer.recording import CAUSE, CAUSE_CLUSTER, CLUSTERS, CONVERSATION, save

SITE = "mlp_act"
CLUSTERED = """\
[numbers]
What is 37 plus 45?
What is 90 minus 42?
What is 12 plus 71?
What is 58 plus 26?
What is 83 minus 17?
What is 64 plus 19?
Count from 5 to 12.
What is 25 plus 33?
What is 71 minus 38?
What is 46 plus 47?
Count from 20 to 27.
What is 99 minus 54?
[words]
Tell me a story about a fox named Max.
What is the capital of France?
What is the opposite of hot?
Write a poem about the sea.
Tell me a story about a cat named Lily.
What is the capital of Japan?
What is the opposite of big?
Write a poem about the moon.
What is the capital of Italy?
Tell me a story about a dog named Tom.
What is the opposite of old?
What is the capital of Spain?
"""
ABLATED = 24  # clusters, those that are most selective for numbers
SAID = ("What is 34 plus 28?", "Tell me a story about a fox named Max.")
UNDER_EDITS = "What is 34 plus 29?"
KEPT_BITS = np.uint32(0xFFFFF000)  # of a float32: eleven bits of mantissa, so that a recording packs well


def main() -> None:
    """Record."""
    with serving() as address:
        _cluster(address)
    with serving() as address:
        save(CONVERSATION, _conversation(address))


@contextmanager
def serving() -> Iterator[str]:
    """Serve the bundled model, and give the address."""
    command = [sys.executable, "-m", "llmri", "serve", "pocket", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().removeprefix("LLMRI listening on ").strip()
        finally:
            server.terminate()


def _cluster(address: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        prompts = Path(folder) / "prompts.txt"
        prompts.write_text(CLUSTERED, encoding="utf-8")
        command = [sys.executable, "-m", "llmri", "cluster", address, "--prompts", str(prompts)]
        subprocess.run([*command, "--out", str(CLUSTERS), "--top", "1"], check=True)


def _conversation(address: str) -> list[ServerMessage]:
    """Hold the conversation; give what a viewer that was there from the start was sent."""
    found = load_clusters(CLUSTERS)
    ranked = sorted(found.clusters, key=lambda cluster: -cluster.selectivity["numbers"].size)
    with llmri.connect(address) as client:
        client.subscribe(SITE)
        kept: list[ServerMessage] = [client.welcome]
        for number, prompt in enumerate(SAID):
            client.chat(prompt, new=number == 0)
        kept += map(_shortened, client.messages())
        cause = _ablation(found, [found.cluster(CAUSE_CLUSTER)])
        turn, token = CAUSE
        kept += [
            client.influence(cause, site=SITE, turn=turn, token=token),
            client.logit_lens(turn, token),
        ]
        client.messages()
        client.intervene(_ablation(found, ranked[:ABLATED]))
        client.chat(UNDER_EDITS)
        kept += map(_shortened, client.messages())
        return [*kept, client.compare()]


def _ablation(found: Clustering, clusters: Sequence[Cluster]) -> list[Edit]:
    """Ablate the units of clusters, with one edit a layer."""
    members = np.sort(np.concatenate([found.members(cluster.number) for cluster in clusters]))
    layers, units = found.units.layer[members], found.units.index[members]
    return [
        Edit(site=SITE, layer=int(layer), units=tuple(units[layers == layer].tolist()), op="scale", value=0.0)
        for layer in np.unique(layers)
    ]


def _shortened(message: ServerMessage) -> ServerMessage:
    """Round a scan's values, and leave times out, so that the recording packs well."""
    if isinstance(message, Scan):
        values = np.frombuffer(message.data, np.uint32) & KEPT_BITS
        return msgspec.structs.replace(message, data=memoryview(values.tobytes()), time=0.0)
    return message


if __name__ == "__main__":
    main()
