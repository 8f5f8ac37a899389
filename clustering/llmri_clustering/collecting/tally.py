"""What did not become a sample, counted and in words."""

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Scans that did not become samples, by the reason, and what else a reader should know.

    Attributes:
        first_tokens: Scans of first tokens.
        read_again: Scans of tokens that stood in the turn before, where these don't count.
        joined: Scans of turns that had begun before.
        others: Scans of turns that somebody else began, where only our own count.
        broken: Scans with a value that is no finite number, or of another shape than was asked for.
        dropped: Scans that the server dropped, because they were not taken fast enough.
        edited: Samples that came while edits stood.
        sets: The different edits that samples are of, each as a number.
        uncertain: Samples of which it is not certain which edits they are of.
    """

    first_tokens: int = 0
    read_again: int = 0
    joined: int = 0
    others: int = 0
    broken: int = 0
    dropped: int = 0
    edited: int = 0
    sets: set[int] = field(default_factory=set)
    uncertain: int = 0

    def of_edits(self, edits: int | None) -> None:
        """Count a sample of these edits, None where they are not certain."""
        if edits is None:
            self.uncertain += 1
        else:
            self.sets.add(edits)

    def left_out(self) -> tuple[str, ...]:
        """Say which scans were left out, such as `the first token of each sequence: 12 scans`."""
        reasons = {
            "the first token of each sequence": self.first_tokens,
            "tokens of the turn before, read again": self.read_again,
            "turns that had begun before": self.joined,
            "turns that somebody else began": self.others,
            "scans with a value that is not finite, or of another shape": self.broken,
        }
        return tuple(f"{reason}: {plural(scans, 'scan')}" for reason, scans in reasons.items() if scans)

    def warnings(self) -> tuple[str, ...]:
        """Say what else went otherwise than it should, one sentence each."""
        said = []
        if self.dropped:
            said.append(
                f"The server dropped {plural(self.dropped, 'scan')} that this program was too slow to take."
            )
        if self.edited:
            said.append(f"{plural(self.edited, 'sample')} came while units of the model were edited.")
        if len(self.sets) > 1:
            said.append(f"The samples come from {len(self.sets)} different states of the edits.")
        if self.uncertain:
            said.append(f"Which edits {plural(self.uncertain, 'sample')} came under is not certain.")
        return tuple(said)


def plural(count: int, noun: str) -> str:
    """Write a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
