"""Every message of the native dialect, as typed values, and what they are made of: import them from here.

The tables of `docs/protocol.md` are made from these classes: a field's meaning is the text in its
`Meta`, a message's meaning the first line of its docstring. What else is said of a message stands in its
`entry`; see `catalogue`.
"""

# ruff: noqa: F403, F405, PLE0604 - what stands in the catalogue is not named here again

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING

from llmri_protocol import (
    answer_messages,
    catalogue,
    conversation_messages,
    edit_messages,
    edits,
    fields,
    measurement_messages,
    structs,
)
from llmri_protocol.answer_messages import *
from llmri_protocol.catalogue import *
from llmri_protocol.conversation_messages import *
from llmri_protocol.edit_messages import *
from llmri_protocol.edits import *
from llmri_protocol.fields import *
from llmri_protocol.measurement_messages import *
from llmri_protocol.structs import *

TOPICS = (conversation_messages, edit_messages, measurement_messages, answer_messages)  # as the page has them

COMMANDS = catalogue.kinds_of(catalogue.Command, *TOPICS)
CLIENT_KINDS = catalogue.kinds_of(catalogue.ClientMessage, *TOPICS)
SERVER_KINDS = catalogue.kinds_of(catalogue.ServerMessage, *TOPICS)
catalogue.check_answers(CLIENT_KINDS, SERVER_KINDS)

if not TYPE_CHECKING:  # there the base of the same name stands for all below it
    Command = reduce(or_, COMMANDS)
    ClientMessage = reduce(or_, CLIENT_KINDS)
    ServerMessage = reduce(or_, SERVER_KINDS)

NAMES = [kind.__name__ for kind in catalogue.kinds_of(fields.Value, edits, structs, *TOPICS)]

__all__ = [*catalogue.__all__, *fields.__all__, "Positions", *NAMES]
