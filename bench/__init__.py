"""Benchmarks: calls against peers (`python -m bench`), picks, memory, import cost, codec. See docs/benchmarks.md."""
