"""What the scenarios may ask for."""

from __future__ import annotations

import pytest

from everfold import limits


@pytest.fixture
def small_pages(monkeypatch):
    """One event a page, so that writers come between the pages of a reader."""
    monkeypatch.setattr(limits, "PAGE_EVENTS", 1)
    monkeypatch.setattr(limits, "PAGE_EVENTS_FIRST", 1)
