"""The storage port, and the backends behind it. `commit(unit)` is the one write door."""
