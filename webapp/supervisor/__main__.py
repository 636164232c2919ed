"""`python -m webapp.supervisor …`, to which `./arpo` hands over."""

import sys

from webapp.supervisor.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
