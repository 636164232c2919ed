"""Training: the loop, the learner, the checkpoints and the guard. Knows protocols; knows no Ray, no command line."""
