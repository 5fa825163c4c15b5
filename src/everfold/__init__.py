"""everfold: production-grade event sourcing for Python."""
