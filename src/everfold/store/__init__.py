"""The shell: load, fold, decide, encode, commit. Everything here awaits only the storage and the sleep it is given."""
