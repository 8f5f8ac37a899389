"""Every message of the native dialect, as typed values, and what they are made of: import them from here.

The tables of `docs/protocol.md` are made from these classes: a field's meaning is the text in its
`Meta`, a message's meaning the first line of its docstring. What else is said of a message stands in its
`entry`; see `catalogue`.
"""

# ruff: noqa: F403, F405, PLE0604 - what stands in the catalogue is not named here again

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from llmri_protocol import catalogue, fields
from llmri_protocol.answer_messages import *
from llmri_protocol.beside_messages import *
from llmri_protocol.catalogue import *
from llmri_protocol.conversation_messages import *
from llmri_protocol.edit_messages import *
from llmri_protocol.edits import *
from llmri_protocol.fields import *
from llmri_protocol.measurement_messages import *
from llmri_protocol.playback_messages import *
from llmri_protocol.structs import *

# As the page has them.
TOPICS = (
    "conversation_messages",
    "edit_messages",
    "measurement_messages",
    "beside_messages",
    "playback_messages",
    "answer_messages",
)

COMMANDS = catalogue.kinds_of(catalogue.Command, globals(), *TOPICS)
CLIENT_KINDS = catalogue.kinds_of(catalogue.ClientMessage, globals(), *TOPICS)
SERVER_KINDS = catalogue.kinds_of(catalogue.ServerMessage, globals(), *TOPICS)
catalogue.check_answers(CLIENT_KINDS, SERVER_KINDS)

NAMES = [kind.__name__ for kind in catalogue.kinds_of(fields.Value, globals(), "edits", "structs", *TOPICS)]

if not TYPE_CHECKING:  # there the base of the same name stands for all below it
    Command = reduce(or_, COMMANDS)
    ClientMessage = reduce(or_, CLIENT_KINDS)
    ServerMessage = reduce(or_, SERVER_KINDS)

    __all__ = [*catalogue.__all__, *fields.__all__, "Positions", *NAMES]
