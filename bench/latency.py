"""How long until a follower has it: one append after the other, at moments that suit nobody's polling."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

SAMPLES = 400
WARM_UP = 20
PAUSE_SECONDS = (0.002, 0.020)


def probe(append: Callable[[int], int], arrived: Callable[[int], object]) -> list[float]:
    """Milliseconds from the call of `append(n)`, which gives a position, until `arrived(position)` returns."""
    chance, found = random.Random(4711), []
    for number in range(1, SAMPLES + WARM_UP + 1):
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        started = time.perf_counter()
        arrived(append(number))
        found.append((time.perf_counter() - started) * 1000)
    return found[WARM_UP:]
