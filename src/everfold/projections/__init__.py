"""Projections: definitions (pure), how a batch of events becomes changes (pure), and the shells that apply them."""
