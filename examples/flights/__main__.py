"""`python -m examples.flights`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from .commands import main
    except ModuleNotFoundError as error:
        if error.name not in ("click", "rich"):
            raise
        sys.exit("error: the example needs the extra of the command line: pip install 'everfold[cli]'")
    main()
