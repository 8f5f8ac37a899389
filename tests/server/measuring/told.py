"""What a measurement tells along the way."""

import threading


class Told:
    """Remembers the progress of a measurement, and stops it after so many tellings."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, str]] = []
        self.stop = threading.Event()
        self.stop_after: int | None = None

    def progress(self, done: int, total: int, what: str) -> None:
        self.steps.append((done, total, what))
        if len(self.steps) == self.stop_after:
            self.stop.set()
