"""What an event is: names, expectations, queries, the envelope. Pure: no I/O, no clock, no randomness."""
