"""The collector: trials of a plain `llama_cpp.Llama`, watched."""

from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Self

from llmri.capture.attachment import PlainLlama, attach, detach, forget
from llmri.capture.document import Capture, CapturedModel, Trial, save
from llmri.capture.errors import CaptureError
from llmri.capture.families import guess_family, profile_of
from llmri.capture.observing import Observer
from llmri_protocol.printable import printable
from llmri_server.llama_runtime.face import engine, noticed
from llmri_server.runtime import LoadError


class TensorCollector:
    """Watches every tensor that a plain, unpatched `llama_cpp.Llama` computes.

    Use it as a context manager, or call `close`: the model then runs without it again, with a callback of
    your own if it had one, which rests meanwhile. Each trial starts a conversation anew. A second collector
    of one model takes the place of the first.

    Args:
        llama: The model; its conversation so far is forgotten.
        family: Of `configs/capture.toml`; by default guessed from the file.
        statistics: Whether values are read; without, tensors are counted and nothing slows down much.
        on_pass: Is told when a forward pass begins; it may not raise.

    Raises:
        CaptureError: The family is unknown, or llama.cpp cannot be watched.
    """

    def __init__(
        self,
        llama: PlainLlama,
        *,
        family: str | None = None,
        statistics: bool = True,
        on_pass: Callable[[], None] = lambda: None,
    ) -> None:
        try:
            self._engine = engine()
        except LoadError as error:
            raise CaptureError(str(error)) from None
        self.profile = profile_of(family or guess_family(llama.metadata))
        self.trials: list[Trial] = []
        self._llama: PlainLlama | None = llama
        self._measures, self._on_pass = statistics, on_pass
        self._observer: Observer | None = None
        self._prompt, self._started = "", ""
        self._failure: BaseException | None = None
        self._hooked = ExitStack()
        self._callback = self._engine.lib.ggml_backend_sched_eval_callback(self._hear)
        attach(llama, self._callback)
        self._model = _described(self._engine.lib, llama, self.profile.family)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the model run without the collector again, as it did before; what was collected stays."""
        self.abandon_trial()
        if self._llama is not None:
            detach(self._llama, self._callback)
            self._llama = None

    def start_trial(self, prompt: str) -> None:
        """Forget the conversation, and watch from now on.

        Raises:
            CaptureError: A trial runs already, or the collector was closed.
        """
        if self._llama is None:
            raise CaptureError("the collector was closed; make another for another trial")
        if self._observer is not None:
            raise CaptureError("a trial runs already; end_trial() ends it")
        forget(self._llama)
        self._prompt, self._started = prompt, datetime.now(UTC).isoformat()
        self._failure = None
        self._observer = Observer(
            self._engine.ggml, self.profile, measures=self._measures, on_pass=self._on_pass
        )
        self._hooked.enter_context(noticed(self._hear, self._fail))

    def end_trial(self, reply: str) -> Trial:
        """Stop watching, and keep the trial.

        Raises:
            CaptureError: No trial runs, nothing was computed, or something failed inside the callback.
        """
        if self._observer is None:
            raise CaptureError("no trial runs; start_trial() starts one")
        observer = self._observer
        self.abandon_trial()
        self.check()
        if not observer.passes:
            raise CaptureError("the model computed nothing between start_trial() and end_trial()")
        trial = Trial(
            prompt=self._prompt,
            reply=reply,
            started=self._started,
            timings=observer.timings(),
            passes=observer.passes,
            positions=observer.positions,
            tensors=observer.observations(),
        )
        self.trials.append(trial)
        return trial

    def check(self) -> None:
        """Pass unless something failed inside the trial; `end_trial` asks too, a long reply may ask sooner.

        Raises:
            CaptureError: It did, and the trial will not be kept.
        """
        if isinstance(self._failure, Exception):
            raise CaptureError(f"the trial failed inside: {self._failure!r}") from self._failure
        if self._failure is not None:
            raise self._failure  # such as Ctrl-C

    def abandon_trial(self) -> None:
        """Stop watching, and keep nothing of the trial that runs, if one does."""
        self._observer = None
        self._hooked.close()

    def capture(self) -> Capture:
        """Return all trials so far, as they are saved."""
        return Capture(
            created=datetime.now(UTC).isoformat(),
            llmri=version("llmri"),
            engine=self._engine.versions,
            model=self._model,
            trials=list(self.trials),
        )

    def save_to_json(self, path: Path | str) -> None:
        """Write all trials so far to a file; `read_capture` reads it.

        Raises:
            CaptureError: It cannot be written.
        """
        save(Path(path), self.capture())

    def _fail(self, error: BaseException) -> None:
        self._failure = self._failure or error

    def _hear(self, address: int, ask: bool, _data: object) -> bool:
        """Be called for each node: before it is computed, and after, if that was wanted.

        Nothing may be raised into llama.cpp, and a false answer after a node would leave the pass half done.
        """
        try:
            if self._observer is None or self._failure is not None:
                return not ask
            if ask:
                return self._observer.asked(address)
            self._observer.computed(address)
        except BaseException as error:  # it is raised by `end_trial`
            self._fail(error)
        return not ask


def _described(lib: ModuleType, llama: PlainLlama, family: str) -> CapturedModel:
    pointer = llama.model
    return CapturedModel(
        file=printable(Path(llama.model_path).name),
        name=llama.metadata.get("general.name", ""),
        architecture=llama.metadata.get("general.architecture", ""),
        family=family,
        layers=lib.llama_model_n_layer(pointer),
        width=lib.llama_model_n_embd(pointer),
    )
