"""Blocking client (in progress)."""
