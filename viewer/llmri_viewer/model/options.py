"""The viewer's settings, as `viewer.toml` gives them."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from llmri_look.colours.theme import ColourMapName, ThemeName
from llmri_protocol import configs
from llmri_protocol.plain_words import in_plain_words
from llmri_viewer.model.layout.density import DensityOption

ExportName = Literal["npz", "csv"]
LEAST_SIZE = (480, 360)  # pixels of the layout
Positive = Annotated[float, Meta(gt=0)]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything `viewer.toml` may say; what it leaves out has these values."""

    theme: ThemeName = "dark"
    colour_map: ColourMapName = "blue-amber"
    log: bool = False
    clip: bool = True
    grid: bool = True
    width: Annotated[int, Meta(ge=LEAST_SIZE[0], le=16384)] = 1280
    height: Annotated[int, Meta(ge=LEAST_SIZE[1], le=16384)] = 800
    scale: DensityOption = "auto"
    fonts: tuple[Path, ...] = ()
    boost: float = 1.5
    boost_step: Positive = 0.25
    export: ExportName = "npz"
    memory_mib: Annotated[int, Meta(ge=16)] = 256
    frame_mib: Annotated[int, Meta(ge=1)] = 256
    retry_first_seconds: Positive = 0.5
    retry_longest_seconds: Positive = 0.9


def load(path: Path | None = None) -> Options:
    """Return the settings of a file, by default the bundled one; raises `ConfigError`."""
    file = path or configs.folder() / "viewer.toml"
    options = configs.load(file, Options)
    for font in options.fonts:
        if not font.is_file():
            raise configs.ConfigError(f"{file}: there is no font {font}")
    return options


def changed(
    options: Options,
    *,
    theme: ThemeName | None = None,
    size: str = "",
    scale: DensityOption | None = None,
) -> Options:
    """Return the settings with another theme or scale, or another size written WIDTHxHEIGHT.

    Raises:
        ConfigError: The size is none, or too small or large for a window.
    """
    if theme is not None:
        options = msgspec.structs.replace(options, theme=theme)
    if scale is not None:
        options = msgspec.structs.replace(options, scale=scale)
    if not size:
        return options
    width, cross, height = size.partition("x")
    if not (cross and width.isdigit() and height.isdigit()):
        raise configs.ConfigError(f"`{size}` is no size; write it like 1280x800")
    try:
        return msgspec.convert(
            {**msgspec.to_builtins(options), "width": int(width), "height": int(height)}, Options
        )
    except msgspec.ValidationError as error:
        raise configs.ConfigError(f"a window of {size} cannot be had: {in_plain_words(error)}") from None
