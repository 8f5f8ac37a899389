"""How long whoever shows a wrong access token waits for the answer."""

import ipaddress
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST = 0.25  # seconds; each further wrong token of an address doubles it
LONGEST = 4.0  # under what clients wait for an answer
AT_ONCE = 4  # wrong tokens of one address that may wait for their answer together
MEMORY = 600.0  # seconds without a wrong token after which an address begins anew
ADDRESSES = 4096  # remembered; the ones that were quiet longest are forgotten first
SUBNET = 64  # bits of an IPv6 address: who has one has all with these


@dataclass
class _Record:
    count: int = 0
    last: float = 0.0
    answers: list[float] = field(default_factory=list)  # when each of the waiting ones will be answered


class WrongTokens:
    """Counts wrong tokens by the address that they came from; any thread may ask.

    The right token is never delayed, so that nobody who knows it is kept out by others behind the same
    address (all of this machine's programs share one). Guessing is slow all the same: while `AT_ONCE` wrong
    tokens of an address wait, whether their connections live or not, no token from there is looked at.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def crowded(self, address: str) -> bool:
        """Say whether so many wrong tokens of an address wait that no other is looked at."""
        with self._lock:
            record = self._records.get(_group(address))
            now = self._clock()
            return record is not None and sum(when > now for when in record.answers) >= AT_ONCE

    def note(self, address: str) -> tuple[int, float]:
        """Take note of a wrong token; give how many there were lately, and how many seconds to wait."""
        with self._lock:
            now, group = self._clock(), _group(address)
            record = self._records.pop(group, None)
            if record is None or now - record.last > MEMORY:
                record = _Record()
            delay = min(FIRST * 2.0 ** min(record.count, 16), LONGEST)
            record.count, record.last = record.count + 1, now
            record.answers = [when for when in record.answers if when > now] + [now + delay]
            self._records[group] = record
            if len(self._records) > ADDRESSES:
                self._records.popitem(last=False)
            return record.count, delay


def _group(address: str) -> str:
    """Return what is counted together: an IPv4 address, or an IPv6 network."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004
        return str(parsed)
    return str(ipaddress.ip_network((parsed, SUBNET), strict=False))
