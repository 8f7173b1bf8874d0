"""What happens when an attempt fails: one policy per file.

Two kinds fit in. A policy that only says how many further attempts there may be is run by the engine's own
attempt loop, in C (``_core_parts/call.pxi``); which errors may be tried again is the same rule for all,
``Caller.may_retry``. A policy that needs more, such as calling several providers at once, offers ``invoke``
and makes attempts itself. To add one, write one more file and name it in ``policies``, publish it as an entry
point of the group ``rpcore.cluster``, or pass the object itself as ``cluster=``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from rpcore.extension import Extensions
from rpcore.model import Invocation


class Policy(Protocol):
    """A cluster policy. One object serves every reference that names it, so it keeps no state of its own."""

    def retries(self, retries: int) -> int:
        """How many attempts may follow the first, given the option ``retries``."""
        ...


class ActivePolicy(Policy, Protocol):
    """A policy that makes its attempts itself."""

    def invoke(self, invocation: Invocation, attempt: Callable[..., Awaitable[Any]]) -> Awaitable[Any]:
        """Make the call.

        Args:
            invocation: the call.
            attempt: ``await attempt(tried)`` makes one attempt at a provider that is not in the list ``tried``
                (of nodes; the one used is appended) and returns its value or raises its error.
        """
        ...


policies: Extensions[Policy] = Extensions(
    "cluster policy",
    group="rpcore.cluster",
    builtin={
        "failover": "rpcore.cluster.failover:policy",
        "failfast": "rpcore.cluster.failfast:policy",
    },
)
