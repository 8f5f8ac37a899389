"""A loaded model and its tokenizer made into a runtime: sites found, checked, and written on a card."""

import inspect
import logging
from collections.abc import Mapping
from dataclasses import replace

from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from llmri_protocol.fields import LONGEST_REASON
from llmri_protocol.messages import ModelCard, SiteCard
from llmri_protocol.printable import as_name
from llmri_protocol.sites import heads_of, unit_of
from llmri_server.runtime import LoadError, PromptError
from llmri_server.runtimes.common.about import about
from llmri_server.runtimes.common.calibration import calibration_ids
from llmri_server.runtimes.common.keeping import NOTHING_KEPT
from llmri_server.runtimes.common.prompts import check_context
from llmri_server.torch_runtime.architectures import SITE_NAMES, SiteName, known_architecture
from llmri_server.torch_runtime.effects import writing_reaches_residual
from llmri_server.torch_runtime.fallback import propose
from llmri_server.torch_runtime.keeping import measure_caches
from llmri_server.torch_runtime.probe import probe
from llmri_server.torch_runtime.prompts import PromptWriter
from llmri_server.torch_runtime.runtime import TorchRuntime
from llmri_server.torch_runtime.scan_transfer import SCAN_DTYPES
from llmri_server.torch_runtime.taps import Site, Tap, Taps, bind
from llmri_server.torch_runtime.verification import Verified, verify

logger = logging.getLogger(__name__)

ABSENT: Mapping[SiteName, str] = {
    "resid_pre": "no block takes the stream as its first argument",
    "resid_mid": "no module reads the stream between attention and MLP alone",
    "resid_post": "no block gives the stream",
    "attn_out": "no module gives what an attention adds to the stream",
    "z": "no linear layer gives what an attention writes",
    "mlp_act": "no one linear layer gives what an MLP writes, as in a mixture of experts",
    "mlp_out": "no module gives what an MLP adds to the stream",
}
KEPT = {"past_key_values", "cache_params", "state"}  # under which names `forward` takes what was kept
CONTEXT_UNKNOWN = 2048  # for models that say nothing and have no position limit of their own


def assemble(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, *, name: str) -> TorchRuntime:
    """Make a runtime of a model that is already on its device.

    Two forward passes check every site and its edits, three where the table does not know the architecture;
    a few more try what of a conversation can be kept.
    The model's own sampling defaults are replaced by plain ones, so that `Sampling` says all there is.

    Raises:
        LoadError: The blocks of the model cannot be found, its dtype is none that scans can carry, it keeps
            nothing between passes, its context is too short, or its tokenizer or template cannot be used.
    """
    if model.dtype not in SCAN_DTYPES:
        raise LoadError(f"`{name}` computes in {model.dtype}; choose float32, float16 or bfloat16")
    _refuse_forgetful(model, name)
    check_context(_context(model, tokenizer), f"`{name}`")
    prompts = PromptWriter(tokenizer, _rows(model))
    prompts.check()
    model.eval()  # type: ignore[no-untyped-call]
    verified = find_sites(model, name)
    sites = verified.sites
    for site, why in verified.reasons.items():
        logger.warning("no %s in %s: %s", site, name, why)
    ends = _ends(model, tokenizer)
    _plain_generation(model, tokenizer, ends)
    card = _card(model, tokenizer, verified, name, chat=prompts.chat)
    keeping = measure_caches(model, card.context)
    if not keeping.whole.goes_on:
        logger.warning("%s: %s", name, NOTHING_KEPT)
    runtime = TorchRuntime(model, tokenizer, card, sites, ends, prompts=prompts, keeping=keeping)
    _check_text(runtime)
    return runtime


def find_sites(model: PreTrainedModel, name: str) -> Verified:
    """Return the sites that stood the check, by the table or, where it knows nothing, by structure.

    Raises:
        LoadError: There are none.
    """
    known = known_architecture(model.config.model_type)
    if known is not None and _has(model, known.blocks):
        architecture, taps = known, bind(model, known)
    else:
        proposed = propose(model)
        if proposed is None:
            raise LoadError(
                f"the blocks of `{name}` ({model.config.model_type}) were not found; it cannot be watched"
            )
        architecture, taps = proposed
    everywhere, lacking = _in_every_layer(taps)
    verified = verify(model, architecture, probe(model, everywhere))
    sites, reasons = verified.sites, lacking | verified.reasons
    if not sites:
        raise LoadError(
            f"no site of `{name}` ({model.config.model_type}) could be found; it cannot be watched"
        )
    if "resid_mid" in sites and not writing_reaches_residual(model, sites):
        sites["resid_mid"] = replace(sites["resid_mid"], editable=False)
    return Verified(sites, {site: reasons[site] for site in SITE_NAMES if site not in sites})


def _in_every_layer(taps: Mapping[SiteName, tuple[Tap | None, ...]]) -> tuple[Taps, dict[SiteName, str]]:
    """Sort sites into those that all layers have, and why each other one is absent."""
    there: dict[SiteName, tuple[Tap, ...]] = {}
    lacking: dict[SiteName, str] = {}
    for site in SITE_NAMES:
        found = taps.get(site, ())
        present = tuple(tap for tap in found if tap is not None)
        without = [str(number) for number, tap in enumerate(found) if tap is None]
        if present and not without:
            there[site] = present
        else:
            where = f"layers {', '.join(without)}: " if present else ""
            lacking[site] = where + ABSENT[site]
    return there, lacking


def _has(model: PreTrainedModel, path: str) -> bool:
    return path in dict(model.named_modules())


def _card(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    verified: Verified,
    name: str,
    *,
    chat: bool,
) -> ModelCard:
    sites = verified.sites
    config = model.config.get_text_config()
    layers = int(config.num_hidden_layers)
    heads = int(getattr(config, "num_attention_heads", None) or 0)
    return ModelCard(
        name=as_name(name),
        runtime="torch",
        family=as_name(model.config.model_type, "unknown"),
        layers=layers,
        hidden_size=int(config.hidden_size),
        heads=heads,
        vocabulary=int(config.vocab_size),
        context=_context(model, tokenizer),
        dtype=SCAN_DTYPES[model.dtype],
        device=str(model.device),
        chat=chat,
        sites=tuple(_site_card(sites[site], heads) for site in SITE_NAMES if site in sites),
        absent=tuple(site for site in SITE_NAMES if site not in sites),
        reasons={str(site): why[:LONGEST_REASON] for site, why in verified.reasons.items()},
        about=about(name),
        attributable=True,
        lens="resid_post" in sites,
        default_site="resid_post" if "resid_post" in sites else next(iter(sites)),
        default_layer=layers // 2,
    )


def _site_card(site: Site, heads: int) -> SiteCard:
    """Describe a site."""
    return SiteCard(
        name=site.name,
        width=site.width,
        editable=site.editable,
        unit=unit_of(site.name),
        heads=heads_of(site.name, site.width, heads),
    )


def _context(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> int:
    """Return the longest sequence that both the model and the tokenizer allow."""
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 0
    return int(min(limit if limit > 0 else CONTEXT_UNKNOWN, tokenizer.model_max_length))


def _refuse_forgetful(model: PreTrainedModel, name: str) -> None:
    """Refuse a model whose class takes nothing that earlier passes kept, such as the first GPT.

    Raises:
        LoadError: It takes nothing.
    """
    if KEPT.isdisjoint(inspect.signature(model.forward).parameters):
        raise LoadError(
            f"`{name}` ({model.config.model_type}) cannot be chatted with: its class in transformers keeps "
            "no keys and values between passes, and LLMRI reads each token once; choose a newer model"
        )


def _check_text(runtime: TorchRuntime) -> None:
    """Pass if the model has all tokens of the text that it is measured on, which is plain.

    Raises:
        LoadError: It has not.
    """
    try:
        calibration_ids(runtime)
    except PromptError as error:
        raise LoadError(str(error)) from None


def _rows(model: PreTrainedModel) -> int | None:
    """Return how many tokens the model has an embedding for; None where it does not say."""
    rows: int | None = getattr(model.get_input_embeddings(), "num_embeddings", None)
    return rows


def _ends(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Return the tokens that end a turn: the model's and the tokenizer's."""
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
