"""What is sent after the server said goodbye is told as that, though nobody has read the goodbye yet."""

import pytest

from llmri_client.arrivals import Arrivals
from llmri_client.errors import ConnectionEndedError
from llmri_protocol.codec import encode
from llmri_protocol.messages import Bye, Chat
from tests.protocol.test_connection import WELCOME


def test_a_command_behind_an_unread_goodbye_says_that_the_server_has_ended() -> None:
    arrivals = Arrivals()
    arrivals.connection.hello("a test", "controller")
    for message in (WELCOME, Bye(reason="enough for today")):
        arrivals.add(arrivals.connection.feed(b"".join(map(bytes, encode(message)))))
    with pytest.raises(ConnectionEndedError, match="ended the connection: enough for today"):
        arrivals.buffers(Chat(id=1, text="hello"))
