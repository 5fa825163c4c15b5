"""Decision logic as values: pure functions, and the class sugar that compiles to them."""
