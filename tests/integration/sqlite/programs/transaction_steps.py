"""Two batches of a consumer, each one transaction; stop for good before the verb asked for, saying so.

Prints "acked <number>" after each transaction, "stopped" at the step, "done" when the step never came.
"""

import itertools
import sys

from everfold.storage.control import ConsumerRow, Letter, Move
from everfold.storage.read_model import Shape, StoredDocument, Target
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit

path, stop_before = sys.argv[1], int(sys.argv[2])
steps = itertools.count(1)
DESK = Target("desk", 1)


def step() -> None:
    if next(steps) == stop_before:
        print("stopped", flush=True)
        sys.stdin.read()


def unit(number: int) -> Unit:
    return Unit("", (StreamAppend("stay-1", -1, (EncodedEvent(b"%016d" % number, "noted", 1, b"{}"),)),))


def batch(transaction, number: int) -> None:
    """The read model holds as many documents as the checkpoint says, and the log as many events."""
    before, after = number - 1, number
    step()
    transaction.move("", [Move("desk@1", 0, 0, before, after, before, event_id=b"e" * 16, events=1, parked=True)])
    step()
    transaction.save_documents("", DESK, {f"k{number}": StoredDocument(b"{}", number)}, [])
    step()
    transaction.commit(unit(number))
    step()
    transaction.park("", [Letter("desk@1", 0, "stay-1", number, b"e" * 16, "noted", None, b"{}")])
    step()
    transaction.execute("insert into own (n) values (%s)", [(number,)])
    step()


def prepared(transaction) -> None:
    transaction.create_target(DESK, Shape("document"))
    transaction.save_consumers("", [ConsumerRow("desk@1")])
    transaction.execute("create table own (n integer)", [()])


storage = SqliteStorage(path)
storage.migrate("auto")
storage.transact(prepared)
for number in (1, 2):
    storage.transact(lambda transaction, number=number: batch(transaction, number))
    print("acked", number, flush=True)
print("done", flush=True)
