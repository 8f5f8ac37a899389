import re
from pathlib import Path
from typing import get_args

import pytest
from msgspec import inspect

from docs.make import protocol as documentation
from docs.make.reference import meaning, native_parts, title
from llmri_protocol import ClientMessage, ServerMessage, State, encode, plain
from llmri_protocol.errors import CODES, Code
from llmri_protocol.states import STATES
from tests.protocol.strategies import Kind

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
ALL_KINDS: list[Kind] = [
    *get_args(ClientMessage),
    *get_args(ServerMessage),
    *plain.PLAIN_CLIENT_KINDS,
    *plain.PLAIN_SERVER_KINDS,
    *documentation.PARTS,
]


def test_the_page_says_what_the_program_says() -> None:
    again = "run `python -m docs.make.protocol > docs/protocol.md`"
    assert PAGE.read_text() == documentation.page(), again


@pytest.mark.parametrize("kind", ALL_KINDS, ids=title)
def test_every_message_and_part_has_a_section_and_every_field_a_meaning(kind: Kind) -> None:
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)
    assert re.search(rf"^#+ {re.escape(title(kind))}$", documentation.page(), re.MULTILINE)
    assert [field.name for field in info.fields if not meaning(field.type)] == []


def test_every_code_and_every_state_is_explained() -> None:
    assert set(CODES) == set(get_args(Code))
    assert set(STATES) == set(get_args(State))


@pytest.mark.parametrize("message", [documentation.HELLO, documentation.example_scan()])
def test_the_annotated_bytes_are_the_real_bytes(message: ClientMessage | ServerMessage) -> None:
    assert b"".join(data for data, _ in native_parts(message)) == b"".join(encode(message))


def test_links_inside_the_page_lead_somewhere() -> None:
    page = documentation.page()
    headings = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[`(),]", "", heading).lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors
