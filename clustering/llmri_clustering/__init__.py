"""Units that fire together: correlation, linkage, evidence, circles, layout and spectra.

Numpy in, numpy out, and everything random takes a seed; only `save` and `load` touch a file.
"""

from llmri_clustering.agglomeration import ClusterTree, cut, linkage, linkage_from_samples, nest
from llmri_clustering.build import BuildOptions, Stage, build, stages
from llmri_clustering.clusters import Cluster, Clustering, Evidence, Placement, Provenance
from llmri_clustering.correlation import RunningCorrelation, co_activation_strength
from llmri_clustering.files import ClusterFileError, load, load_evidence, map_samples, save, save_evidence
from llmri_clustering.layout import hebbian_layout, snap
from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import Packing, pack_circles
from llmri_clustering.samples import Samples, StoredSamples, TurnText
from llmri_clustering.spectra import amplitude_spectrum, amplitude_spectrum_2d, band_powers, spectrogram
from llmri_clustering.units import UnitSet

__all__ = [
    "BuildOptions",
    "Cluster",
    "ClusterFileError",
    "ClusterTree",
    "Clustering",
    "Evidence",
    "Nesting",
    "Packing",
    "Placement",
    "Provenance",
    "RunningCorrelation",
    "Samples",
    "Stage",
    "StoredSamples",
    "TurnText",
    "UnitSet",
    "amplitude_spectrum",
    "amplitude_spectrum_2d",
    "band_powers",
    "build",
    "co_activation_strength",
    "cut",
    "hebbian_layout",
    "linkage",
    "linkage_from_samples",
    "load",
    "load_evidence",
    "map_samples",
    "nest",
    "pack_circles",
    "save",
    "save_evidence",
    "snap",
    "spectrogram",
    "stages",
]
