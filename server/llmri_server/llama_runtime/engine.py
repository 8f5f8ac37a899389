"""llama.cpp itself: found, silenced, and tried, once a process."""

import ctypes
import os
import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from types import ModuleType
from typing import NoReturn

from llmri_protocol.extras import how_to_install
from llmri_server.llama_runtime import layout
from llmri_server.llama_runtime.ggml import Ggml
from llmri_server.runtime import LoadError

OLDEST = (0, 3, 36)
ERRORS_KEPT = 20
STANDARD_ERROR = 2
GIVEN_UP = 1  # the exit status
GGML_LOG_ERROR, GGML_LOG_CONTINUES = 4, 5
FUNCTION = re.compile(r"^\w+: ")  # llama.cpp begins its messages with the function they are from


@dataclass(frozen=True, eq=False)
class Engine:
    """The library's functions, ggml's, the versions of both, and the errors that llama.cpp told lately."""

    lib: ModuleType
    ggml: Ggml
    versions: str
    errors: deque[str]

    def last_error(self) -> str:
        """Return what llama.cpp complained of first in what it did last, without its own function's name."""
        return FUNCTION.sub("", self.errors[0]).strip().rstrip(".") if self.errors else "it does not say why"


@cache
def engine() -> Engine:
    """Load llama-cpp-python's library and check that it can be read.

    Raises:
        LoadError: It is missing, too old, or laid out otherwise; the message is one sentence.
    """
    try:
        import llama_cpp  # noqa: PLC0415 - an extra, which may be missing
        from llama_cpp import llama_cpp as lib  # noqa: PLC0415
    except ImportError as error:
        raise LoadError(
            f"GGUF files need llama-cpp-python, which cannot be imported ({error}); "
            f"install it: {how_to_install('gguf')}"
        ) from None
    except (OSError, RuntimeError) as error:
        raise LoadError(f"llama-cpp-python's library cannot be loaded: {error}") from None
    _refuse_older(llama_cpp.__version__)
    versions = f"llama-cpp-python {llama_cpp.__version__} (llama.cpp {_version(lib)})"
    ggml = Ggml(_ggml_base(lib))
    errors = _listen(lib)
    _tell_when_given_up(lib)
    lib.llama_backend_init()
    layout.check(ggml, versions)
    return Engine(lib, ggml, versions, errors)


def _refuse_older(version: str) -> None:
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[: len(OLDEST)])
    if numbers < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise LoadError(f"llama-cpp-python {version} is too old; LLMRI needs {oldest} or later")


def _version(lib: ModuleType) -> str:
    return str(lib.llama_version().decode()) if hasattr(lib, "llama_version") else "of unknown version"


def _ggml_base(lib: ModuleType) -> ctypes.CDLL:
    """Load the library whose functions read and write tensors; it lies beside llama.cpp's own."""
    from llama_cpp._ctypes_extensions import load_shared_library  # noqa: PLC0415

    try:
        library: ctypes.CDLL = load_shared_library("ggml-base", lib._base_path)
    except (OSError, RuntimeError, AttributeError) as error:
        raise LoadError(f"this build of llama-cpp-python has no library `ggml-base`: {error}") from None
    return library


def _listen(lib: ModuleType) -> deque[str]:
    """Keep llama.cpp's messages off the terminal, and its errors for ours."""
    errors: deque[str] = deque(maxlen=ERRORS_KEPT)

    def hear(level: int, text: bytes, _data: object) -> None:
        if level >= GGML_LOG_ERROR and level != GGML_LOG_CONTINUES and text.strip():
            errors.append(text.decode(errors="replace").strip())

    callback = lib.llama_log_callback(hear)
    lib.llama_log_set(callback, None)
    _KEPT.append(callback)
    return errors


def _tell_when_given_up(lib: ModuleType) -> None:
    """Tell in a sentence why llama.cpp ends the process, as it does where it finds no way on.

    It would print the stack of the processor otherwise. Files with senseless numbers bring it to that.
    """
    # Looked up through llama.cpp's own library: what lies beside it may be another copy of `ggml-base`.
    listen = getattr(getattr(lib, "_lib", None), "ggml_set_abort_callback", None)
    if listen is None:
        return
    try:
        terminal = os.dup(STANDARD_ERROR)  # `llama_cpp.Llama` closes the first one while it loads a file
    except OSError:  # there is none
        return

    def tell(message: bytes) -> NoReturn:
        why = " ".join(message.decode(errors="replace").split()).rpartition("/")[2]
        os.write(terminal, f"llama.cpp gave up, and LLMRI ends with it: {why}\n".encode())
        os._exit(GIVEN_UP)

    callback = ctypes.CFUNCTYPE(None, ctypes.c_char_p)(tell)
    listen(callback)
    _KEPT.append(callback)


_KEPT: list[object] = []  # llama.cpp holds no reference to a callback
