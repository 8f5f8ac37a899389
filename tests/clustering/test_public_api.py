import subprocess
import sys

import llmri_clustering

PROMISED = {
    "RunningCorrelation",
    "linkage",
    "cut",
    "ClusterTree",
    "pack_circles",
    "hebbian_layout",
    "amplitude_spectrum",
    "save",
    "load",
}
SLOW = ("sklearn", "scipy.stats", "scipy.signal", "torch", "pygame", "numba")


def test_the_names_that_others_build_on_are_there() -> None:
    assert set(llmri_clustering.__all__) >= PROMISED
    for name in llmri_clustering.__all__:
        assert getattr(llmri_clustering, name).__doc__, name


def test_importing_it_loads_nothing_slow() -> None:
    asked = f"import sys, llmri_clustering; print([n for n in {SLOW} if n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
