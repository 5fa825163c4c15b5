"""Read models as SQLAlchemy tables: the view that shows a projection's active version, with typed columns, for reading."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any
from uuid import UUID

try:
    import sqlalchemy as sa
    from sqlalchemy.engine import Dialect
except ImportError as error:  # pragma: no cover  # the extra is installed wherever the tests run
    from ..errors import ConfigurationError

    raise ConfigurationError(
        f"read models as tables need SQLAlchemy ({error}): pip install 'everfold[sqlalchemy]'"
    ) from error

from ..errors import ConfigurationError
from ..projections.projection import Projection
from ..storage.columns import ColumnType

__all__ = ["read_model_table"]


def read_model_table(
    projection: Projection, metadata: sa.MetaData, engine: sa.Engine | Dialect, *, schema: str = "everfold"
) -> sa.Table:
    """The rows that readers of the projection see now, as a table to select from (with `tenant` as its first column).

    A document projection has `key` and `data`, a declared table its columns. It is a view: each statement sees one whole
    version, also while versions are switched, and nothing can be written to it. `schema` is that of the store on
    PostgreSQL. Raises ConfigurationError for a handler, whose tables are its own, and for another database.
    """
    dialect = engine if isinstance(engine, Dialect) else engine.dialect
    if dialect.name not in ("postgresql", "sqlite"):
        raise ConfigurationError(f"a store is on PostgreSQL or SQLite, not on {dialect.name}")
    columns = [sa.Column("tenant", sa.Text, primary_key=True), *_columns(projection)]
    info = {"everfold": True}
    if dialect.name == "sqlite":
        return sa.Table(f"everfold_rm_{projection.name}", metadata, *columns, info=info)
    return sa.Table(f"rm_{projection.name}", metadata, *columns, schema=schema, info=info)


def _columns(projection: Projection) -> list[sa.Column[Any]]:
    shape = projection.shape
    if shape.kind == "handler":
        raise ConfigurationError(f"{projection.name!r} writes tables of its own: describe those")
    if shape.kind == "document":
        return [sa.Column("key", sa.Text, primary_key=True), sa.Column("data", sa.JSON)]
    return [sa.Column(c.name, _type(c.type), primary_key=c.name in shape.key) for c in shape.columns]


def _type(column: ColumnType) -> sa.types.TypeEngine[Any]:
    if column.kind == "numeric":
        return sa.Numeric(column.precision, column.scale)
    kinds: dict[str, sa.types.TypeEngine[Any]] = {
        "text": sa.Text(),
        "integer": sa.Integer(),
        "biginteger": sa.BigInteger(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": _Moment(),
        "uuid": _Uuid(),
        "json": sa.JSON(),
    }
    return kinds[column.kind]


class _Moment(sa.types.TypeDecorator[datetime]):
    """An aware datetime in UTC; on SQLite a text of fixed width, which sorts by time."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return f"{value.astimezone(timezone.utc):%Y-%m-%dT%H:%M:%S.%f}Z"

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        moment: datetime = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(timezone.utc)


class _Uuid(sa.types.TypeDecorator[UUID]):
    """A UUID; on SQLite its canonical text."""

    impl = sa.Uuid
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(sa.Text() if dialect.name == "sqlite" else sa.Uuid())

    def process_bind_param(self, value: UUID | None, dialect: Dialect) -> Any:
        return str(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> UUID | None:
        del dialect
        return UUID(value) if isinstance(value, str) else value
