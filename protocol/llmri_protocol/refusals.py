"""What a decoder raised, as the error that the peer is told."""

import msgspec

from llmri_protocol.errors import Code, RemoteProtocolError
from llmri_protocol.plain_words import in_plain_words, key_of

# What msgspec's decoders raise for bytes that do not fit.
DECODING_FAILURES = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_UNKNOWN = "Invalid value "
_AT_TYPE = " - at `$.type`"
_LONGEST_NAME = 40


def refusal(
    failure: Exception, form: str, known: tuple[str, ...], command: int | None = None
) -> RemoteProtocolError:
    """Return the peer's error for one of `DECODING_FAILURES`; it names the field, and is not fatal.

    Args:
        failure: What the decoder raised.
        form: What the body should have been, such as `MessagePack`.
        known: The types of message that would have been understood.
        command: The command's id, if it is known.
    """
    code: Code
    text = str(failure)
    match failure:
        case RecursionError():
            code, text = "bad_body", "the body is nested too deeply"
        case UnicodeDecodeError():
            code, text = "bad_field", f"a text is no valid UTF-8: {failure.reason}"
        case msgspec.ValidationError() if text.startswith(_UNKNOWN) and text.endswith(_AT_TYPE):
            name = text.removeprefix(_UNKNOWN).removesuffix(_AT_TYPE)
            code, text = "unknown_type", f"unknown type {_short(name)}, expected one of {', '.join(known)}"
        case msgspec.ValidationError() if text.startswith("Expected `object`") and " - at " not in text:
            code, text = "bad_body", f"the body is no map: {in_plain_words(failure)}"
        case msgspec.ValidationError():
            code, text = "bad_field", in_plain_words(failure, key_of)
        case _:
            code, text = "bad_body", f"the body is no valid {form}: {text}"
    return RemoteProtocolError(code, text, id=command)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
