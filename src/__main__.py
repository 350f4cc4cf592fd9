"""``python -m tandem`` is the command ``tandem``."""

from .commands.cli import main

if __name__ == "__main__":
    main()
