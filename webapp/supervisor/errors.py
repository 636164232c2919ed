"""What can go wrong while the console's processes are looked after; each message ends with the cure."""


class SupervisorError(RuntimeError):
    """Something cannot be started, or not be kept running; the text is for the person at the terminal."""
