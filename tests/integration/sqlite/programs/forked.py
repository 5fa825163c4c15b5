"""Fork with an open store; print what the child meets, then what the parent can still do."""

import os
import sys

from everfold.errors import EverfoldError
from everfold.storage.sqlite.store import SqliteStorage
from everfold.storage.unit import EncodedEvent, StreamAppend, Unit


def append(storage: SqliteStorage, number: int) -> int:
    event = EncodedEvent(b"%016d" % number, "guest_checked_in", 1, b"{}")
    return storage.commit(Unit("", (StreamAppend("stay-1", -1, (event,)),))).appends[0].version


path = sys.argv[1]
storage = SqliteStorage(path)
storage.migrate("auto")
append(storage, 1)
storage.head("")
storage.hint()
child = os.fork()
if child == 0:
    for call in (lambda: append(storage, 2), lambda: storage.head("")):
        try:
            call()
        except EverfoldError as error:
            print("child:", type(error).__name__)
    print("child:", storage.wait(storage.hint(), 20))
    storage.close()
    own = SqliteStorage(path)
    print("child:", append(own, 3))
    own.close()
    sys.stdout.flush()
    os._exit(0)
os.waitpid(child, 0)
print("parent:", append(storage, 4), storage.head(""))
storage.close()
