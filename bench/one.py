"""One measurement in a process of its own: `python -m bench.one MODULE WORKLOAD URL SECONDS` prints a rate."""

from __future__ import annotations

import importlib
import json
import sys


def main() -> None:
    module, workload, url, seconds = sys.argv[1:]
    contestant = importlib.import_module(f"bench.contestants.{module}")
    if workload == "prepare":
        contestant.prepare(url)
        print(json.dumps(0))
        return
    print(json.dumps(getattr(contestant, workload)(url, float(seconds))))


if __name__ == "__main__":
    main()
