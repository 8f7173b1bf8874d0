"""Our hessian2 against Java's own: random graphs go there and back, ``make fuzz-java``.

graphs.py makes them, peer.py asks Java (Echo.java) to decode and encode them again, losses.py compares, and knows what
cannot come back as it was.
"""
