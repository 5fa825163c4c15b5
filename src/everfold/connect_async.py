"""From a URL to a storage: the only place that names a concrete backend. Each is imported when it is asked for."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from .errors import ConfigurationError
from .runtime.clock import Clock
from .storage.port_async import AsyncStorage

__all__ = ["connect", "default_migrate", "masked"]

_FORMS = "memory://, sqlite:///file.db, postgresql://user@host/database"


def connect(url: str, *, clock: Clock | None, **options: Any) -> AsyncStorage:
    """A storage for the URL; nothing is opened before its first use. Raises ConfigurationError, naming the forms."""
    scheme = url.partition("://")[0].lower() if isinstance(url, str) and "://" in url else ""
    opener = {"memory": _memory, "sqlite": _sqlite, "postgresql": _postgres, "postgres": _postgres}.get(scheme)
    if opener is None:
        raise ConfigurationError(f"{masked(str(url))!r} is no store's URL; the forms are {_FORMS}")
    return opener(url, clock, options)


def default_migrate(url: str) -> str:
    """Embedded stores create and upgrade themselves; a shared PostgreSQL is upgraded when its owners say so."""
    return "create" if url.lower().startswith("postgres") else "auto"


def masked(url: str) -> str:
    """The URL without its password, fit for messages."""
    hidden = re.sub(r"(//[^/@]*?:)[^@]*@", r"\1***@", url)
    return re.sub(r"(password=)[^&\s]*", r"\1***", hidden, flags=re.IGNORECASE)


def _memory(url: str, clock: Clock | None, options: dict[str, Any]) -> AsyncStorage:
    from .storage.memory.store_async import AsyncMemoryStorage

    _refuse_options(url, {**dict(parse_qsl(urlsplit(url).query)), **options}, set())
    return AsyncMemoryStorage(clock=clock)


def _sqlite(url: str, clock: Clock | None, options: dict[str, Any]) -> AsyncStorage:
    from .storage.sqlite.store_async import AsyncSqliteStorage

    parts = urlsplit(url)
    options = {**dict(parse_qsl(parts.query)), **options}
    _refuse_options(url, options, {"synchronous", "busy_timeout_seconds", "group_commit"})
    # as SQLAlchemy has it: three slashes for a relative path, four for an absolute one
    path = unquote(parts.path[1:])
    if parts.netloc or not path:
        raise ConfigurationError(f"{url!r} names no file: sqlite:///file.db (relative) or sqlite:////var/file.db")
    if "busy_timeout_seconds" in options:
        options["busy_timeout_seconds"] = _number(url, options, "busy_timeout_seconds", float)
    return AsyncSqliteStorage(path, clock=clock, **options)


def _postgres(url: str, clock: Clock | None, options: dict[str, Any]) -> AsyncStorage:
    try:
        from .storage.postgres.store_async import AsyncPostgresStorage
    except ImportError as error:
        raise ConfigurationError(
            f"a PostgreSQL store needs the driver ({error}): pip install 'everfold[postgres]'"
        ) from error
    parts = urlsplit(url)
    query = parse_qsl(parts.query)
    ours = {"schema", "pool_size"}
    options = {**{key: value for key, value in query if key in ours}, **options}
    _refuse_options(url, options, ours | {"pool_timeout_seconds", "connect_timeout_seconds", "group_commit"})
    if "pool_size" in options:
        options["pool_size"] = _number(url, options, "pool_size", int)
    rest = urlencode([(key, value) for key, value in query if key not in ours])
    return AsyncPostgresStorage(parts._replace(query=rest).geturl(), clock=clock, **options)


def _number(url: str, options: dict[str, Any], name: str, kind: type[int | float]) -> float:
    try:
        return kind(options[name])
    except (TypeError, ValueError):
        raise ConfigurationError(f"{masked(url)!r}: {name} must be a number, not {options[name]!r}") from None


def _refuse_options(url: str, options: dict[str, Any], known: set[str]) -> None:
    unknown = sorted(options.keys() - known)
    if unknown:
        takes = ", ".join(sorted(known)) or "none"
        raise ConfigurationError(f"{masked(url)!r} doesn't take {', '.join(unknown)}; its options are: {takes}")
