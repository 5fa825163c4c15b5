"""The command line `everfold`: thin over the store, stdout for results, fixed exit codes (docs/reference/cli.md)."""
