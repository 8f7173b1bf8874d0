"""``python -m rpcore``: the ``rpcore`` command."""

from rpcore.cli import main

if __name__ == "__main__":
    main()
