"""What the shell is given instead of reaching for it: clock, ids, waiting."""
