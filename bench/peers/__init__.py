"""One module per framework, each a program of its own: ``python -m bench.peers.bare serve --mode tick``."""
