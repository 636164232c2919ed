"""What the console keeps, for how long, and what it would delete: the team's storage."""
