"""Units that fire together: correlation, linkage, evidence, circles, layout and spectra.

Numpy in, numpy out, and everything random takes a seed; only `save` and `load` touch a file.
"""

from llmri_clustering.agglomeration import ClusterTree, cut, linkage, linkage_from_samples, nest
from llmri_clustering.build import BuildOptions, Stage, build, stages
from llmri_clustering.building import KnownEvidence
from llmri_clustering.clusters import Cluster, Clustering, Evidence, Placement, Provenance, TreeAgreement
from llmri_clustering.collecting import HalfSamples, PrecisionError, scans_within
from llmri_clustering.correlation import RunningCorrelation, co_activation_strength, partners_of_samples
from llmri_clustering.files import ClusterFileError, load, load_evidence, map_samples, save, save_evidence
from llmri_clustering.layout import hebbian_layout, snap
from llmri_clustering.nesting import Nesting
from llmri_clustering.packing import Packing, pack_circles
from llmri_clustering.samples import Samples, StoredSamples, TurnText
from llmri_clustering.sources import ArraySource, SampleSource
from llmri_clustering.spectra import amplitude_spectrum, amplitude_spectrum_2d, band_powers, spectrogram
from llmri_clustering.units import UnitSet

__all__ = [
    "ArraySource",
    "BuildOptions",
    "Cluster",
    "ClusterFileError",
    "ClusterTree",
    "Clustering",
    "Evidence",
    "HalfSamples",
    "KnownEvidence",
    "Nesting",
    "Packing",
    "Placement",
    "PrecisionError",
    "Provenance",
    "RunningCorrelation",
    "SampleSource",
    "Samples",
    "Stage",
    "StoredSamples",
    "TreeAgreement",
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
    "partners_of_samples",
    "save",
    "save_evidence",
    "scans_within",
    "snap",
    "spectrogram",
    "stages",
]
