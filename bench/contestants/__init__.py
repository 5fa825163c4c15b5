"""One module per contestant and engine: `prepare(url)` once, then a function per workload, each giving a rate."""
