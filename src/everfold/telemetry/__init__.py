"""What everfold tells about itself: details for the application's hook, and the trace it runs inside."""
