"""A loaded model in a few lines for whoever starts the server."""

from collections import Counter

from llmri_protocol.messages import ModelCard, ProtectionTest

KINDS: dict[ProtectionTest, str] = {
    "massive": "massive activations",
    "loss": "loss when ablated",
    "list": "list",
}
LONG_SEARCH = 5.0  # seconds after which a quicker one is named


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
    return "\n".join(lines)


def protection_summary(card: ModelCard, seconds: float) -> str:
    """Count the protected units by the test that found them, and say how long the search took."""
    counts = Counter(unit.test for unit in card.protected)
    found = ", ".join(f"{counts[test]:,} by {kind}" for test, kind in KINDS.items() if counts[test])
    hint = "; --protect massive is quicker" if seconds > LONG_SEARCH else ""
    return f"protected units: {found or 'none'} (looked in {seconds:.1f} s{hint})"
