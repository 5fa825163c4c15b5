"""Contend for one consumer with another process: lease it, move it one position on, until it stands at the end.

Prints how many moves this process made, and how many were refused as another's.
"""

import sys

from everfold.errors import CheckpointConflictError
from everfold.storage.control import ConsumerRow, Move
from everfold.storage.read_model import Shape, StoredDocument, Target
from everfold.storage.sqlite.store import SqliteStorage

path, owner, end = sys.argv[1], sys.argv[2], int(sys.argv[3])
DESK = Target("desk", 1)


def batch(transaction, row: ConsumerRow) -> None:
    number = row.position + 1
    transaction.move("", [Move("desk@1", 0, row.token, row.position, number, 0, event_id=b"e" * 16, events=1)])
    stored = transaction.documents("", DESK, ["count"])
    count = stored["count"].version if stored else 0
    transaction.save_documents("", DESK, {"count": StoredDocument(b"{}", count + 1)}, [])
    transaction.save_documents("", DESK, {f"{number}": StoredDocument(b"{}", number)}, [])


storage = SqliteStorage(path, synchronous="NORMAL", busy_timeout_seconds=30)
storage.transact(lambda transaction: transaction.create_target(DESK, Shape("document")))
moved = refused = 0
print("ready", flush=True)
sys.stdin.readline()
row = storage.consumer_rows("")[0]
while row.position < end:
    # a term that is over at once: whoever asks takes it, in the middle of the other's work
    for held in storage.lease("", owner, [("desk@1", 0)], seconds=0):
        try:
            storage.transact(lambda transaction, held=held: batch(transaction, held))
            moved += 1
        except CheckpointConflictError:
            refused += 1
    row = storage.consumer_rows("")[0]
print(moved, refused, flush=True)
