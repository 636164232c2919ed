"""The list of runs as a team's history: a query language, columns, groups and saved views over the rows."""
