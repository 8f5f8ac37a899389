"""What a client is told of a command that failed."""

import logging

from llmri_protocol.messages import Error
from llmri_server.broadcast.hub import SubscriptionError
from llmri_server.network.threads import described
from llmri_server.protection import ProtectedError
from llmri_server.runtime import EditError, NonFiniteError, PromptError, StoppedError, UnsupportedError
from llmri_server.service.edit_service import NothingToRedoError, NothingToUndoError
from llmri_server.service.measurement_service import NothingToMeasureError, UnfitError
from llmri_server.service.model_worker import ClosedError, TooManyTurnsError
from llmri_server.service.paced_answer import UnreadError
from llmri_server.service.sayings import SayingError

log = logging.getLogger(__name__)

CODES: dict[type[BaseException], str] = {
    EditError: "bad_edit",
    NonFiniteError: "bad_edit",
    UnfitError: "bad_field",
    UnreadError: "too_much_unread",
    SayingError: "bad_field",
    SubscriptionError: "bad_subscription",
    ClosedError: "closing",
    NothingToMeasureError: "nothing_to_measure",
    NothingToRedoError: "nothing_to_redo",
    NothingToUndoError: "nothing_to_undo",
    PromptError: "unsupported",
    ProtectedError: "protected",
    StoppedError: "stopped",
    TooManyTurnsError: "too_many_turns",
    UnsupportedError: "unsupported",
}


def refusal(error: BaseException, command_id: int | None) -> Error:
    """Return the answer to a command that failed; a bug is also logged for whoever runs the server."""
    code = CODES.get(type(error))
    if code is None:
        log.error("a command failed", exc_info=error)
        return Error(code="internal", message=f"the server failed: {described(error)}", id=command_id)
    return Error(code=code, message=str(error), id=command_id)
