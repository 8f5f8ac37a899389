"""Chat templates: chosen, probed, and rendered in a process of their own."""

from llmri_server.runtimes.common.templates.choice import DEFAULT, choose_template
from llmri_server.runtimes.common.templates.template import ChatTemplate

__all__ = ["DEFAULT", "ChatTemplate", "choose_template"]
