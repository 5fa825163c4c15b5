"""One measurement of projections in a process of its own: `python -m bench.one_projected MODULE FUNCTION URL …`."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    module, function, url, *more = sys.argv[1:]
    contestant = importlib.import_module(f"bench.contestants.{module}")
    print(json.dumps(getattr(contestant, function)(url, *more)))


if __name__ == "__main__":
    main()
