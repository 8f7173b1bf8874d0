"""What a client did and sees, as values to log, to graph or to show."""

from __future__ import annotations

from dataclasses import dataclass

from rpcore.model import ServiceKey


@dataclass(frozen=True, slots=True)
class ProviderReport:
    """One provider as one reference of a client sees it. Counts begin when it joins the provider list."""

    address: str
    weight: int
    """Effective weight at this moment: below the published one while it warms up."""
    state: str
    """Of its connections: ``idle``, ``connecting``, ``up``, ``down``, ``readonly`` or ``suspect``."""
    active: int
    """Attempts under way."""
    attempts: int
    """Attempts ever sent its way, those under way included."""
    failed: int
    """Attempts that ended with an error."""


@dataclass(frozen=True, slots=True)
class ServiceReport:
    """One reference of a client. Counts begin with the client."""

    service: ServiceKey
    calls: int
    failures: int
    """Calls that ended with an error, after whatever retries."""
    retries: int
    """Attempts after the first, over all calls."""
    providers: tuple[ProviderReport, ...]
