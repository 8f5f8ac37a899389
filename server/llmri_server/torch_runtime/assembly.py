"""A loaded model and its tokenizer made into a runtime: sites found, checked, and written on a card."""

import logging
from collections.abc import Mapping
from dataclasses import replace

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from llmri_protocol.messages import ModelCard, SiteCard
from llmri_server.keeping import NOTHING_KEPT
from llmri_server.runtime import LoadError
from llmri_server.torch_runtime.architectures import SITE_NAMES, SiteName, known_architecture
from llmri_server.torch_runtime.effects import writing_reaches_residual
from llmri_server.torch_runtime.fallback import propose
from llmri_server.torch_runtime.keeping import measure_caches
from llmri_server.torch_runtime.probe import probe
from llmri_server.torch_runtime.runtime import TorchRuntime
from llmri_server.torch_runtime.scans import SCAN_DTYPES
from llmri_server.torch_runtime.taps import Site, bind
from llmri_server.torch_runtime.verification import verify

logger = logging.getLogger(__name__)

UNITS: Mapping[SiteName, str] = {
    "resid_pre": "residual direction",
    "resid_mid": "residual direction",
    "resid_post": "residual direction",
    "attn_out": "direction written by attention",
    "z": "attention head component",
    "mlp_act": "MLP neuron",
    "mlp_out": "direction written by the MLP",
}
CONTEXT_UNKNOWN = 2048  # for models that say nothing and have no position limit of their own


def assemble(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str) -> TorchRuntime:
    """Make a runtime of a model that is already on its device.

    Two forward passes check every site and its edits, three where the table does not know the architecture;
    a few more try what of a conversation can be kept.
    The model's own sampling defaults are replaced by plain ones, so that `Sampling` says all there is.

    Raises:
        LoadError: The blocks of the model cannot be found, or its dtype is none that scans can carry.
    """
    if model.dtype not in SCAN_DTYPES:
        raise LoadError(f"`{name}` computes in {model.dtype}; choose float32, float16 or bfloat16")
    model.eval()  # type: ignore[no-untyped-call]
    sites = find_sites(model, name)
    ends = _ends(model, tokenizer)
    _plain_generation(model, tokenizer, ends)
    card = _card(model, tokenizer, sites, name)
    keeping = measure_caches(model, card.context)
    if not keeping.whole.goes_on:
        logger.warning("%s: %s", name, NOTHING_KEPT)
    return TorchRuntime(model, tokenizer, card, sites, ends, keeping=keeping)


def find_sites(model: PreTrainedModel, name: str) -> dict[SiteName, Site]:
    """Give the sites that stood the check, by the table or, where it knows nothing, by structure."""
    known = known_architecture(model.config.model_type)
    architecture = known if known is not None and _has(model, known.blocks) else propose(model)
    if architecture is None:
        raise LoadError(
            f"the blocks of `{name}` ({model.config.model_type}) were not found; it cannot be watched"
        )
    sites = verify(model, architecture, probe(model, bind(model, architecture)))
    if not sites:
        raise LoadError(
            f"no site of `{name}` ({model.config.model_type}) could be found; it cannot be watched"
        )
    if "resid_mid" in sites and not writing_reaches_residual(model, sites):
        sites["resid_mid"] = replace(sites["resid_mid"], editable=False)
    return sites


def _has(model: PreTrainedModel, path: str) -> bool:
    return path in dict(model.named_modules())


def _card(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, sites: Mapping[SiteName, Site], name: str
) -> ModelCard:
    config = model.config.get_text_config()
    layers = int(config.num_hidden_layers)
    heads = int(getattr(config, "num_attention_heads", None) or 0)
    return ModelCard(
        name=name,
        runtime="torch",
        family=model.config.model_type,
        layers=layers,
        hidden_size=int(config.hidden_size),
        heads=heads,
        vocabulary=int(config.vocab_size),
        context=_context(model, tokenizer),
        dtype=SCAN_DTYPES[model.dtype],
        device=str(model.device),
        chat=bool(tokenizer.chat_template),
        sites=tuple(_site_card(sites[site], heads) for site in SITE_NAMES if site in sites),
        absent=tuple(site for site in SITE_NAMES if site not in sites),
        attributable=True,
        lens="resid_post" in sites,
        default_layer=layers // 2,
    )


def _site_card(site: Site, heads: int) -> SiteCard:
    """Describe a site; the heads of `z` are those of the queries, each as wide as all others."""
    divided = site.name == "z" and heads and site.width % heads == 0
    return SiteCard(
        name=site.name,
        width=site.width,
        editable=site.editable,
        unit=UNITS[site.name],
        heads=heads if divided else 0,
    )


def _context(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Give the longest sequence that both the model and the tokenizer allow."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or CONTEXT_UNKNOWN
    return int(min(limit, tokenizer.model_max_length))


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Give the tokens that end a turn: the model's and the tokenizer's."""
    configured = model.generation_config.eos_token_id if model.generation_config else None
    several = configured if isinstance(configured, list) else [configured]
    return frozenset(int(end) for end in (*several, tokenizer.eos_token_id) if end is not None)


def _plain_generation(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, ends: frozenset[int]
) -> None:
    """Leave of the model's generation settings only its special tokens."""
    pad = tokenizer.pad_token_id
    model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=sorted(ends) or None,
        pad_token_id=min(ends, default=0) if pad is None else pad,
    )
