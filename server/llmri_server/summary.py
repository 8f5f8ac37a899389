"""A loaded model in a few lines for whoever starts the server."""

from llmri_protocol.messages import ModelCard


def summary(card: ModelCard) -> str:
    """Describe a model: its shape, its sites, and how it is talked to."""
    sites = ", ".join(f"{site.name} ({site.width})" for site in card.sites)
    lines = [
        f"{card.name}: {card.family}, {card.layers} layers x {card.hidden_size}, "
        f"{card.dtype} on {card.device}, context of {card.context} tokens",
        f"sites: {sites}",
    ]
    if card.absent:
        lines.append(f"not found in this model: {', '.join(card.absent)}")
    lines.append("chat: its own template" if card.chat else "chat: no template, plain completion of the text")
    return "\n".join(lines)
