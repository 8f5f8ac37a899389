"""What a command asks of the program itself rather than of the server: files and processes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SaveShot:
    """Write the picture to a PNG file once it is drawn."""


@dataclass(frozen=True)
class ExportShown:
    """Write the shown values to a file, and the picture beside it."""


@dataclass(frozen=True)
class ToggleRecording:
    """Begin to record a film, or end it and write it."""


@dataclass(frozen=True)
class PasteText:
    """Type what the system's clipboard holds."""


@dataclass(frozen=True)
class BuildClusters:
    """Cluster the units of some layers in another process; None takes every layer."""

    layers: tuple[int, ...] | None = None


@dataclass(frozen=True)
class StopBuilding:
    """End the building of clusters, and keep those there are."""


@dataclass(frozen=True)
class FindPartners:
    """Find the units that correlate most with each unit of the clusters, in another process."""


@dataclass(frozen=True)
class SaveClusters:
    """Write the clusters to a file, for `--clusters` and `llmri experiment`."""


WindowEffect = SaveShot | ExportShown | ToggleRecording | PasteText
"""Effects that need the picture or the desktop."""

SessionEffect = BuildClusters | StopBuilding | FindPartners | SaveClusters
"""Effects that need the scans."""

Effect = WindowEffect | SessionEffect
