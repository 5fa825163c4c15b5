"""The store in memory: the executable specification, and the template for a new backend."""
