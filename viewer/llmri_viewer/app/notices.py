"""How long a notice shows: a few seconds, a warning longer, and each as long as it takes to read."""

from dataclasses import dataclass

from llmri_viewer.model.state import ViewState

NEWS_SECONDS, WARNING_SECONDS = 3.0, 6.0
LETTERS_A_SECOND = 20.0  # of slow, unhurried reading


def seconds(sentence: str, *, warning: bool) -> float:
    """Return how long a notice shows."""
    return (WARNING_SECONDS if warning else NEWS_SECONDS) + len(sentence) / LETTERS_A_SECOND


@dataclass
class NoticeClock:
    """Counts down the time of the notice that shows."""

    _shown: tuple[str, bool] = ("", False)
    _left: float = 0.0

    def see(self, state: ViewState, *, anew: bool = False) -> None:
        """Begin to count where another notice shows, or the same one was told `anew`."""
        shown = (state.overlays.notice, state.overlays.warning)
        if anew or shown != self._shown:
            self._shown = shown
            self._left = seconds(state.overlays.notice, warning=state.overlays.warning)

    def over(self, passed: float) -> bool:
        """Let so many seconds pass; tell whether a notice has shown for long enough."""
        self._left -= passed
        return bool(self._shown[0]) and self._left <= 0
