"""Every flight that was to leave New York in 2013, as a log of events: real data to read, ask and travel in.

`python -m examples.flights demo` imports January and looks around. The pure half is `events` (what happened), `flight`
(the decider), `projections` (what is kept ready to be read), `airports`, `timetable` and `timeline` (from the data file to
events in the order of time); the other half is `recording` (into a store), `feeding` and `rebuilding` (the read models),
`questions` (out of them and the log) and the command line.
"""
