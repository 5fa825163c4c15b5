"""The entry of the program `everfold`, also as `python -m everfold.cli`."""

from __future__ import annotations

import sys

__all__ = ["main"]

USAGE = 2


def main() -> None:
    """Run the command line of this process and exit with its code."""
    try:
        import click  # noqa: F401  # asked for here, so that a missing extra is told in words
    except ImportError:
        print("error: the command line needs its extra: pip install 'everfold[cli]'", file=sys.stderr)
        sys.exit(USAGE)
    from .root import everfold

    everfold.main(prog_name="everfold")


if __name__ == "__main__":
    main()
