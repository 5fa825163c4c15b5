"""PostgreSQL: a store that many processes share, on a server of version 14 or later."""
