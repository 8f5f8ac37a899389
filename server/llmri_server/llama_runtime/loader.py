"""From a GGUF file to a runtime, or one sentence that says why not."""

from pathlib import Path

from llmri_protocol.fields import LONGEST_REASON
from llmri_protocol.messages import ModelCard, SiteCard
from llmri_protocol.printable import as_name
from llmri_protocol.sites import BLOCK_SITES, heads_of, unit_of
from llmri_server.llama_runtime.discovery import discover
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.header import check_file
from llmri_server.llama_runtime.model import Model
from llmri_server.llama_runtime.options import Options
from llmri_server.llama_runtime.runtime import LlamaRuntime
from llmri_server.llama_runtime.sites import RESID_POST, Discovery, Site
from llmri_server.llama_runtime.vocabulary import PromptWriter, Vocabulary
from llmri_server.runtimes.common.about import about
from llmri_server.runtimes.common.loading import tell
from llmri_server.runtimes.common.prompts import check_context


def load(path: Path, options: Options | None = None) -> LlamaRuntime:
    """Load a file; decodes of a few tokens find its sites and check them.

    Raises:
        LoadError: It cannot be loaded or served; the message is one sentence for the user.
    """
    check_file(path)
    model = Model(engine(), path, options or Options())
    check_context(model.options.context_of(model.trained_context), str(path))
    tell("sites, by trying them")
    discovery = discover(model)
    vocabulary = Vocabulary(model)
    prompts = PromptWriter(vocabulary, model.chat_templates)
    prompts.check()
    card = _card(model, discovery, model.name or path.stem, chat=prompts.chat)
    return LlamaRuntime(model, discovery, vocabulary, prompts, card)


def _card(model: Model, discovery: Discovery, name: str, *, chat: bool) -> ModelCard:
    lib = model.engine.lib
    on_gpu = model.options.gpu_layers != 0 and lib.llama_supports_gpu_offload()
    return ModelCard(
        name=as_name(name),
        runtime="llama.cpp",
        family=as_name(model.architecture, "unknown"),
        layers=model.layers,
        hidden_size=model.width,
        heads=model.heads,
        vocabulary=model.tokens,
        context=model.options.context_of(model.trained_context),
        dtype="f32",
        device="gpu" if on_gpu else "cpu",
        chat=chat,
        sites=tuple(_site_card(site, model.heads) for site in discovery.sites.values()),
        absent=tuple(name for name in BLOCK_SITES if name not in discovery.sites),
        reasons={name: why[:LONGEST_REASON] for name, why in discovery.absent.items() if name in BLOCK_SITES},
        about=about(name),
        attributable=False,
        lens=RESID_POST in discovery.sites,
        default_layer=model.layers // 2,
    )


def _site_card(site: Site, heads: int) -> SiteCard:
    """Describe a site."""
    return SiteCard(
        name=site.name,
        width=site.width,
        editable=True,
        unit=unit_of(site.name),
        heads=heads_of(site.name, site.width, heads),
    )
