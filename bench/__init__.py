"""Benchmarks: calls against peers (`python -m bench`), picks, memory, import cost, codec.

docs/benchmarks.md says how to run and how to read them.
"""
