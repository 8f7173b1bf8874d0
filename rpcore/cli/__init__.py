"""The ``rpcore`` command, for people who operate services.

One file per subcommand, each a ``click`` command; ``app`` joins them and turns exceptions into one line and
an exit code. click and rich are optional: this file imports them only to see whether they are there.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

MISSING = "rpcore: the command needs {name}, which is not installed: pip install 'rpcore[cli]'"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code.

    Args:
        arguments: without the program's name; ``sys.argv`` when None.
    """
    try:
        import click  # noqa: F401
        import rich  # noqa: F401
    except ImportError as error:
        print(MISSING.format(name=error.name), file=sys.stderr)
        sys.exit(2)
    from rpcore.cli.app import rpcore

    rpcore.main(arguments, prog_name="rpcore")
