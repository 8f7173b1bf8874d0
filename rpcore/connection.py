"""The Python face of the sans-IO connection.

``Connection`` itself is in ``_core_parts/connection.pxi``: bytes in, calls and requests and events out. It
needs neither a socket nor a clock. Frames are parsed in ``Connection.consume``.
"""

from __future__ import annotations

from rpcore._core import Connection, Engine

__all__ = ["Connection", "Engine"]
