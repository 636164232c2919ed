"""`python -m arpo_engine`: the engine's commands. Nothing heavy is imported before it is known what is wanted."""

import os
import sys

# A small model on many threads is twenty times slower than on one, and torch reads this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from arpo_engine.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
