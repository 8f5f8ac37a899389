"""Whether what a server sends can be of the model that it described; no picture breaks on a broken one."""

from llmri_protocol.messages import (
    Card,
    Edits,
    ModelCard,
    Scan,
    ServerMessage,
    SiteCard,
    Token,
    TurnEnd,
    TurnStart,
)

LAYERS_MOST = 1 << 14
WIDTH_MOST = 1 << 24
TOKENS_MOST = 1 << 24  # of a turn


def why_not(message: ServerMessage, card: ModelCard | None) -> str:
    """Say what in a message cannot be; empty where nothing speaks against it."""
    match message:
        case Token() if message.token >= TOKENS_MOST:
            return f"token {message.token} of a turn, expected less than {TOKENS_MOST}"
        case Token() | TurnStart() | TurnEnd() | Scan() if card is None:
            return "it came before any model was described"
        case Scan() if card is not None:
            return _odd_scan(message, card)
        case Edits() if card is not None:
            return _odd_edits(message, card)
        case Card():
            return odd_card(message.card)
    return ""


def odd_card(card: ModelCard) -> str:
    """Say why no model can be as described; empty where one can."""
    if not 1 <= card.layers <= LAYERS_MOST:
        return f"a model of {card.layers} layers, expected 1 to {LAYERS_MOST}"
    for site in card.sites:
        if not 1 <= site.width <= WIDTH_MOST:
            return f"{site.width} units at {site.name}, expected 1 to {WIDTH_MOST}"
    return ""


def _odd_scan(scan: Scan, card: ModelCard) -> str:
    site = _site(card, scan.site)
    if site is None:
        return f"a scan of {scan.site}, which {card.name} does not have"
    if scan.shape[1] != site.width:
        return f"a scan of {scan.shape[1]} units at {scan.site}, expected {site.width}"
    if scan.token >= TOKENS_MOST:
        return f"a scan of token {scan.token} of a turn, expected less than {TOKENS_MOST}"
    return _odd_layers(scan.layers, card)


def _odd_edits(message: Edits, card: ModelCard) -> str:
    for edit in message.edits:
        site = _site(card, edit.site)
        if site is not None and edit.units and max(edit.units) >= site.width:
            return f"an edit of unit {max(edit.units)} at {edit.site}, expected less than {site.width}"
        odd = _odd_layers((edit.layer,), card)
        if odd:
            return odd
    return ""


def _odd_layers(layers: tuple[int, ...], card: ModelCard) -> str:
    beyond = next((layer for layer in layers if not 0 <= layer < card.layers), None)
    if beyond is not None:
        return f"layer {beyond}, expected 0 to {card.layers - 1}"
    return "" if len(set(layers)) == len(layers) else "one layer twice"


def _site(card: ModelCard, name: str) -> SiteCard | None:
    return next((site for site in card.sites if site.name == name), None)
