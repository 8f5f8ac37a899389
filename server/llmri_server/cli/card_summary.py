"""A loaded model in a few lines for whoever starts the server."""

from collections import Counter

from llmri_protocol.messages import ModelCard, ProtectionTest
from llmri_server.protection.starting import Search
from llmri_server.settings import Settings

KINDS: dict[ProtectionTest, str] = {
    "massive": "massive activations",
    "loss": "loss when ablated",
    "list": "list",
}


def summary(card: ModelCard) -> str:
    """Describe a model: its shape, its sites, and how it is talked to."""
    sites = ", ".join(f"{site.name} ({site.width})" for site in card.sites)
    lines = [
        f"{card.name}: {card.family}, {card.layers} layers x {card.hidden_size}, "
        f"{card.runtime} on {card.device}, activations in {card.dtype}, context of {card.context} tokens",
        f"sites: {sites}",
    ]
    if card.absent:
        lines.append(f"not found in this model: {', '.join(card.absent)}")
    lines.append("chat: its own template" if card.chat else "chat: no template, plain completion of the text")
    if card.about:
        lines.append(card.about)
    return "\n".join(lines)


def protection_summary(card: ModelCard, settings: Settings, search: Search) -> str:
    """Count the protected units that are known, and say what is still looked for."""
    counts = Counter(unit.test for unit in card.protected)
    found = ", ".join(f"{counts[test]:,} by {kind}" for test, kind in KINDS.items() if counts[test])
    if search.recalled:
        return f"protected units: {found or 'none'} (known from an earlier start)"
    if search.examination is None:
        return f"protected units: {found or 'none'} (--protect {settings.protect})"
    return (
        f"protected units: {found or 'none yet'}; looked for between turns in {search.examination.total} "
        "passes or so; /stop ends that, --protect massive takes fewer, --protect none makes none"
    )
