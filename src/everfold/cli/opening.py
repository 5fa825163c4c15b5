"""Opening the store that the global options name. A command that only reads never changes a schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from ..codec.registry import Registry
from ..connect import connect
from ..errors import EverfoldError
from ..event_store import EventStore
from ..events.stream import check_tenant
from ..limits import Limits
from ..module import Module
from ..projections.catalogue import Catalogue
from ..projections.inline import inline_of
from ..runtime.concurrency import sleep
from ..storage.port import Storage
from ..store.scope import Scope
from .application import load_application
from .failure import usage
from .settings import Settings
from .untyped import UntypedRegistry

__all__ = ["open_storage", "open_store", "store_url"]


def store_url(settings: Settings) -> str:
    """The URL that --db or EVERFOLD_DB gives."""
    if not settings.db:
        raise usage("no store is named: pass --db, or set EVERFOLD_DB", "--db sqlite:///events.db")
    return settings.db


@contextmanager
def open_storage(settings: Settings) -> Iterator[Storage]:
    """The bare backend, with whatever schema it has."""
    with closing(connect(store_url(settings), clock=None)) as storage:
        yield storage


@contextmanager
def open_store(
    settings: Settings, *, migrate: str = "never", modules: tuple[Module, ...] = (), appends: bool = False
) -> Iterator[EventStore]:
    """The store, seen through the modules of --app, or through those given, or through none (untyped).

    A memory store is new each time, so it gets its schema whatever `migrate` says. `appends`: inline projections
    are fed with what is appended; that registers those that are missing, which looking never does.
    """
    application = load_application(settings.app) if settings.app and not modules else None
    if application and application.factory:
        with _made(settings, application.factory) as store:
            yield store
        return
    owners = application.modules if application else modules
    registry = Registry.of(owners) if owners else UntypedRegistry()
    with open_storage(settings) as storage:
        storage.migrate("auto" if store_url(settings).startswith("memory:") else migrate)
        scope = Scope(storage, registry, check_tenant(settings.tenant), Limits(), sleep)
        scope.catalogue, scope.scratch = Catalogue.of(owners, registry), _scratch
        scope.inline = inline_of(scope) if appends else None
        yield EventStore(scope)


def _scratch() -> Storage:
    return connect("memory://", clock=None)


@contextmanager
def _made(settings: Settings, factory: Callable[[], object]) -> Iterator[EventStore]:
    """The store that the application's own function opens, with its own URL and tenant."""
    if settings.db_given or settings.tenant:
        raise usage(f"--app {settings.app!r} opens its own store; leave out --db and --tenant")
    with _called(settings, factory) as store:
        yield store


def _called(settings: Settings, factory: Callable[[], object]) -> EventStore:
    try:
        store = factory()
    except EverfoldError:
        raise
    except Exception as error:
        raise usage(f"--app {settings.app!r} was called and raised {type(error).__name__}: {error}") from error
    if not isinstance(store, EventStore):
        raise usage(f"--app {settings.app!r} gave a {type(store).__name__}; it must give an open ef.EventStore")
    return store
