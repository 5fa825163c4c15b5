"""What happens when a consumer fails on an event. Pure: the policy is data, the verdict a function of it.

Nothing is ever skipped silently: an event is tried again, stops its consumer, or is parked where everybody sees it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import CodecError, ConfigurationError

__all__ = ["ErrorPolicy", "Park", "Retry", "Stop", "Verdict", "verdict"]


@dataclass(frozen=True, slots=True)
class Stop:
    """The consumer stops before the event, and says which one and why. Nothing is lost; `resume` goes on from there."""


@dataclass(frozen=True, slots=True)
class Park:
    """The event is parked as a dead letter, later events of the same key behind it in order; other keys go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """Try the event again up to `attempts` times in all, waiting `delay` seconds, then `factor` times longer each time.

    Only errors of the classes `on` are worth another try (by default all but CodecError: stored bytes don't change by
    waiting); others, and the last failure, are handled by `then`, which is Stop() or Park().
    """

    attempts: int = 5
    delay: float = 0.1
    factor: float = 2.0
    delay_max: float = 30.0
    on: tuple[type[Exception], ...] = (Exception,)
    then: Stop | Park = Stop()

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.delay < 0 or self.factor < 1 or self.delay_max < self.delay:
            raise ConfigurationError(
                f"Retry(attempts={self.attempts}, delay={self.delay}, factor={self.factor}, delay_max={self.delay_max}): "
                "attempts from 1 on, delay from 0 on, factor from 1 on, and delay_max at least delay"
            )
        if not isinstance(self.then, (Stop, Park)):
            raise ConfigurationError(f"Retry(then=...) takes ef.Stop() or ef.Park(), not {self.then!r}")


ErrorPolicy = Stop | Park | Retry


@dataclass(frozen=True, slots=True)
class Verdict:
    """`action`: "retry" (after `delay` seconds), "stop" or "park"."""

    action: str
    delay: float = 0.0


_STOP = Verdict("stop")
_PARK = Verdict("park")


def verdict(policy: ErrorPolicy, error: BaseException, attempts: int) -> Verdict:
    """What to do about an event that failed with `error`, for the `attempts`-th time."""
    if isinstance(policy, Retry):
        if attempts < policy.attempts and _worth_retrying(policy, error):
            return Verdict("retry", min(policy.delay * policy.factor ** (attempts - 1), policy.delay_max))
        policy = policy.then
    return _PARK if isinstance(policy, Park) else _STOP


def _worth_retrying(policy: Retry, error: BaseException) -> bool:
    if isinstance(error, CodecError) and policy.on == (Exception,):
        return False
    return isinstance(error, policy.on)


def check_policy(policy: object) -> ErrorPolicy:
    """The policy, Stop() for None. Raises ConfigurationError for anything else."""
    if policy is None:
        return Stop()
    if isinstance(policy, (Stop, Park, Retry)):
        return policy
    raise ConfigurationError(f"on_error takes ef.Stop(), ef.Park() or ef.Retry(...), not {policy!r}")
