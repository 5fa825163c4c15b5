"""`everfold deadletters`: a file for each kind of work."""
