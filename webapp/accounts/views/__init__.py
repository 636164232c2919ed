"""Pages about people: signing in, the team, tokens."""
