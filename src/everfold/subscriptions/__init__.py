"""Following the log: a subscription holds no durable state; whoever reads from it remembers where it was."""
