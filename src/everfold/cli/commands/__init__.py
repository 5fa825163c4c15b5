"""One file per command; each is imported when it is asked for, and imports the store only when it runs."""
