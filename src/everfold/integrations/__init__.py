"""everfold beside other libraries, a module each; none of them is imported unless it is asked for."""
