"""Migrate the file at the word go; print how many migrations this process applied."""

import sys

from everfold.storage.sqlite.store import SqliteStorage

storage = SqliteStorage(sys.argv[1], busy_timeout_seconds=20)
sys.stdin.readline()
print(len(storage.migrate("auto").applied))
storage.close()
