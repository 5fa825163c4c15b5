"""`everfold projections`: a file for each kind of work."""
