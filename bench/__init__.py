"""Speed beside the raw driver and the peers, in one run: `make bench`, or `python -m bench --help`."""
