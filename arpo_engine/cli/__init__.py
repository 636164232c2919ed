"""Commands: read the words of a command line, build the parts, run. The only place that speaks to a terminal."""
