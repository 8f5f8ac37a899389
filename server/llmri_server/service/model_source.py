"""A model as what a server serves: its services, wired to each other."""

import secrets
from collections.abc import Callable

from llmri_protocol.messages import COMMANDS
from llmri_protocol.plain import PLAIN_CLIENT_KINDS
from llmri_server.broadcast.hub import Hub
from llmri_server.protection.starting import Search
from llmri_server.runtime import Runtime
from llmri_server.service.beside_service import BesideService
from llmri_server.service.edit_service import EditService
from llmri_server.service.handlers import Handlers
from llmri_server.service.measurement_service import MeasurementService
from llmri_server.service.model_worker import ModelWorker
from llmri_server.service.protection_service import ProtectionService
from llmri_server.service.refusals import refusal
from llmri_server.service.subscriptions import Subscriptions
from llmri_server.settings import Settings


class ModelSource:
    """Answers clients from a runtime.

    Args:
        runtime: The loaded model; the worker's thread is the only one to use it from now on.
        settings: How to sample, what limits hold.
        search: The search for protected units that is left to make, between turns.
        log: Writes a line to whoever runs the server.
    """

    def __init__(
        self, runtime: Runtime, settings: Settings, search: Search, log: Callable[[str], None]
    ) -> None:
        self.runtime = runtime
        self.hub = Hub(runtime.card, runtime.capture, settings.prompt_positions, settings.max_clients)
        self.edits = EditService(
            runtime,
            self.hub,
            settings.limits,
            secrets.token_hex(8),
            sampling=settings.told_sampling,
            allow_protected=settings.allow_protected,
        )
        self.worker = ModelWorker(
            runtime,
            self.hub,
            settings.sampling,
            settings.system,
            settings.queue_turns,
            announce_edits=self.edits.announce,
            failed=self._fail,
        )
        self.protection = ProtectionService(runtime, search, self.edits, self.hub, log=log)
        self.subscriptions = Subscriptions(runtime.card, self.hub, self.edits, self.worker.stop_tasks)
        self.handlers = Handlers(self.worker.submit_task, refusal)
        self.edits.register(self.handlers)
        self.worker.register(self.handlers, self.stop)
        MeasurementService(runtime, self.worker.conversation, self.edits).register(self.handlers)
        beside = BesideService(runtime, self.worker.conversation, self.edits, self.worker.wanted)
        beside.register(self.handlers)
        self.subscriptions.register(self.handlers)
        self.handlers.check((*COMMANDS, *PLAIN_CLIENT_KINDS))
        self._failed: Callable[[str], None] = lambda _: None

    def start(self, failed: Callable[[str], None]) -> None:
        """Start the model's thread."""
        self._failed = failed
        self.worker.start(self.protection)

    def stop(self) -> bool:
        """End the reply of whoever is answered, or else the search for protected units; is there either?"""
        return self.worker.stop() or self.protection.stop()

    def close(self, grace: float) -> bool:
        """End the model's thread; give whether it has ended."""
        return self.worker.close(grace)

    def _fail(self, why: str) -> None:
        self._failed(why)
