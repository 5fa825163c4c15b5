"""Which clock an airport goes by, as far from UTC as it was in 2013. The data names destinations of New York only.

A table instead of the time zone database, which bare machines may lack. Daylight saving time began and ended on the
same day wherever it was kept, so one look at New York's clock tells it for all.
"""

from __future__ import annotations

from datetime import timedelta

__all__ = ["ahead_of_utc"]

_NEW_YORK = -5
_STANDARD_HOURS = {
    -6: "AUS BHM BNA DFW DSM HOU IAH MCI MDW MEM MKE MSN MSP MSY OKC OMA ORD SAT STL TUL XNA",
    -7: "ABQ BZN DEN EGE HDN JAC MTJ SLC",
    -8: "BUR LAS LAX LGB OAK PDX PSP SAN SEA SFO SJC SMF SNA",
    -9: "ANC",
}
_ALL_YEAR_HOURS = {-4: "BQN PSE SJU STT", -7: "PHX", -10: "HNL"}

_standard = {airport: hours for hours, airports in _STANDARD_HOURS.items() for airport in airports.split()}
_all_year = {airport: hours for hours, airports in _ALL_YEAR_HOURS.items() for airport in airports.split()}


def ahead_of_utc(airport: str, new_york: timedelta) -> timedelta:
    """How far the airport's clock is ahead of UTC (behind: negative) while New York's is `new_york` ahead."""
    if airport in _all_year:
        return timedelta(hours=_all_year[airport])
    return new_york + timedelta(hours=_standard.get(airport, _NEW_YORK) - _NEW_YORK)
