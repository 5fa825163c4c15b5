"""Event objects ↔ canonical JSON bytes, and the schema versions between them. Pure: no I/O, clock or randomness."""
