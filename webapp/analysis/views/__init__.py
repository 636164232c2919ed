"""Pages of the analysis: the matrix of tasks, the comparison of runs, and the way from tasks to a new run."""
