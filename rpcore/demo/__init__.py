"""What ``rpcore demo`` runs, and an example of a service that is split into files as one might be.

``api`` declares the interface, ``index`` makes the data from the source of the standard library, ``provider``
serves it, ``consumer`` searches it at full speed, ``run`` starts and ends all of these ``processes``,
``measure`` counts, ``show`` and ``results`` print.
"""
