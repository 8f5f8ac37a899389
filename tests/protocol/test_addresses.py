import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmri_protocol.addresses import (
    LONGEST_UNIX_PATH,
    AddressError,
    format_address,
    format_unix_address,
    parse_address,
    unix_path,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:80", ("localhost", 80)),
        ("10.0.0.2:77", ("10.0.0.2", 77)),
        ("somewhere", ("somewhere", 9999)),
        (":7", ("127.0.0.1", 7)),
        ("", ("127.0.0.1", 9999)),
        ("[::1]:5", ("::1", 5)),
        ("[::1]", ("::1", 9999)),
        ("host:65535", ("host", 65535)),
    ],
)
def test_addresses_are_read_as_people_write_them(text: str, expected: tuple[str, int]) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *(
            "host:",
            "host:0",
            "host:65536",
            "host:port",
            "host:-1",
            "host: 80",
            "host:²",
            "host:" + "9" * 5000,
        ),
        *("[::1", "::1]:5", "[::1]x:5", "http://host:80"),
        *("a..b:80", f"{'a' * 64}.org", "host\0:80"),
    ],
)
def test_what_is_no_address_is_said_so(text: str) -> None:
    with pytest.raises(AddressError, match="is no address: expected HOST:PORT with a port from 1 to 65535"):
        parse_address(text)


def test_an_ipv6_address_without_brackets_is_told_of_them() -> None:
    with pytest.raises(AddressError, match="an IPv6 address in brackets"):
        parse_address("::1")


@given(st.text())
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    try:
        host, port = parse_address(text)
    except AddressError:
        return
    assert host
    assert 0 < port < 1 << 16


@given(st.sampled_from(["127.0.0.1", "box", "::1", "fe80::1%eth0"]), st.integers(1, (1 << 16) - 1))
def test_an_address_that_was_written_is_read_again(host: str, port: int) -> None:
    assert parse_address(format_address(host, port)) == (host, port)


def test_a_unix_socket_is_written_as_its_path() -> None:
    assert unix_path("unix:/run/llmri.sock") == "/run/llmri.sock"
    assert unix_path("unix:9999") == "9999"
    assert unix_path(format_unix_address("a b:c")) == "a b:c"
    assert unix_path("box:9999") is unix_path("") is None


@pytest.mark.parametrize(
    ("path", "length"), [("", 0), ("a\0b", 3), ("x" * (LONGEST_UNIX_PATH + 1), 104), ("ü" * 52, 104)]
)
def test_a_path_that_no_socket_can_have_is_told_with_both_lengths(path: str, length: int) -> None:
    with pytest.raises(AddressError, match=rf"unix:PATH with a path of 1 to 103 bytes, not {length}"):
        unix_path(f"unix:{path}")
