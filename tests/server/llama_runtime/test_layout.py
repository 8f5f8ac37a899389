"""Whether llama.cpp's tensors can be read is tried before a model is loaded."""

import ctypes
from collections.abc import Iterator

import pytest

from llmri_server.llama_runtime import engine as engines
from llmri_server.llama_runtime import layout
from llmri_server.llama_runtime.engine import engine
from llmri_server.llama_runtime.ggml import Ggml, Tensor, is_contiguous
from llmri_server.runtime import LoadError


@pytest.fixture
def not_loaded_yet() -> Iterator[None]:
    engine.cache_clear()
    yield
    engine.cache_clear()


def test_the_installed_library_has_the_layout() -> None:
    layout.check(engine().ggml, "this one")


def test_another_layout_is_refused_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    class Longer(ctypes.Structure):
        _fields_ = (("extra_at_the_front", ctypes.c_int64), *Tensor._fields_[:-1])

    monkeypatch.setattr(layout, "Tensor", Longer)
    with pytest.raises(LoadError, match=r"a tensor of llama-cpp-python 9\.9 has its name, type, shape.*"):
        layout.check(engine().ggml, "llama-cpp-python 9.9")


def test_a_library_without_a_function_is_refused_by_its_name() -> None:
    with pytest.raises(LoadError, match="no `ggml_backend_tensor_get`"):
        Ggml(ctypes.CDLL(None))


def test_an_old_llama_cpp_python_is_refused(monkeypatch: pytest.MonkeyPatch, not_loaded_yet: None) -> None:
    monkeypatch.setattr("llama_cpp.__version__", "0.3.5")
    with pytest.raises(LoadError, match=r"0\.3\.5 is too old; LLMRI needs 0\.3\.36 or later"):
        engine()


def test_a_missing_llama_cpp_python_is_told_with_the_extra(
    monkeypatch: pytest.MonkeyPatch, not_loaded_yet: None
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "llama_cpp", None)
    with pytest.raises(LoadError, match=r"pip install '\.\[gguf\]'"):
        engine()


def test_a_build_without_ggml_base_is_told(monkeypatch: pytest.MonkeyPatch, not_loaded_yet: None) -> None:
    def missing(*_: object) -> ctypes.CDLL:
        raise FileNotFoundError("no such library")

    monkeypatch.setattr("llama_cpp._ctypes_extensions.load_shared_library", missing)
    with pytest.raises(LoadError, match="has no library `ggml-base`: no such library"):
        engine()


def test_versions_are_compared_as_numbers() -> None:
    engines._refuse_older("0.4.0")
    engines._refuse_older("0.3.100")


def test_strides_tell_whether_values_lie_one_behind_the_other() -> None:
    tensor = Tensor(ne=(3, 2, 1, 1), nb=(4, 12, 24, 24))
    assert is_contiguous(tensor, 4)
    assert not is_contiguous(Tensor(ne=(3, 2, 1, 1), nb=(4, 16, 32, 32)), 4)
    assert not is_contiguous(tensor, 2)
