"""Units that `configs/protected.toml` lists, because somebody has published that a model needs them."""

from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from llmri_protocol.configs import ConfigError, folder, load
from llmri_protocol.messages import ModelCard, ProtectedUnit

Number = Annotated[int, Meta(ge=0)]


class Listing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Units of the models of one name; the meaning of each key stands in `configs/protected.toml`."""

    model: str
    family: str | None = None
    site: str
    first_layer: Number
    last_layer: Number
    units: Annotated[tuple[Number, ...], Meta(min_length=1)]
    reason: Annotated[str, Meta(min_length=1)]


class _Listings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    protected: tuple[Listing, ...] = ()


def bundled() -> Path:
    """Return the file with the lists."""
    return folder() / "protected.toml"


def listed(card: ModelCard, file: Path | None = None) -> tuple[ProtectedUnit, ...]:
    """Return the units listed for a model; those that it lacks are left out.

    Raises:
        ConfigError: The file can't be used; the sentence says what is wrong with it.
    """
    path = file or bundled()
    listings = load(path, _Listings).protected
    for listing in listings:
        if listing.last_layer < listing.first_layer:
            raise ConfigError(
                f"{path}: `{listing.model}` is listed from layer {listing.first_layer} to "
                f"{listing.last_layer}; the last must not be below the first"
            )
    return tuple(unit for listing in listings if _fits(listing, card) for unit in _units(listing, card))


def _fits(listing: Listing, card: ModelCard) -> bool:
    by_name = fnmatch(card.name.lower(), listing.model.lower())
    return by_name and listing.family in (None, card.family)


def _units(listing: Listing, card: ModelCard) -> Iterator[ProtectedUnit]:
    width = next((site.width for site in card.sites if site.name == listing.site), 0)
    for layer in range(listing.first_layer, min(listing.last_layer + 1, card.layers)):
        for unit in listing.units:
            if unit < width:
                yield ProtectedUnit(
                    site=listing.site, layer=layer, unit=unit, test="list", evidence=listing.reason
                )
