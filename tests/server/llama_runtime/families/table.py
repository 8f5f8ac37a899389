"""All families, which the tests are held over."""

from tests.server.llama_runtime.families.classics import CLASSICS
from tests.server.llama_runtime.families.gated import GATED
from tests.server.llama_runtime.families.hybrids import HYBRIDS
from tests.server.llama_runtime.families.latent import LATENTS
from tests.server.llama_runtime.families.mixtures import MIXTURES
from tests.server.llama_runtime.families.normed import NORMED
from tests.server.llama_runtime.families.recurrent import RECURRENT
from tests.server.llama_runtime.families.shared import SHARED
from tests.server.llama_runtime.families.unlisted import UNLISTED

FAMILIES = (*CLASSICS, *GATED, *NORMED, *MIXTURES, *SHARED, *LATENTS, *RECURRENT, *HYBRIDS, *UNLISTED)
