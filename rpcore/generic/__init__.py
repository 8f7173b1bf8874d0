"""Generic calls: a method named by a string, its arguments and result as plain values.

On the wire such a call goes to ``$invoke(method, parameter types, arguments)``, which every provider answers for
each of its services, Java's as well as ours. POJOs travel as maps with their class name under ``"class"``, enums by
name. What Java calls realize and generalize is here:

* ``conversions``: between a method's declared types and the plain values, compiled from the hints (``scalars`` has
  the leaves), ``beans`` the form of ``generic=bean``, ``modes`` the forms that a caller may ask for;
* ``serving``: ``$invoke`` at the provider;
* ``calling``: the consumer's side, without a declaration; ``arguments`` what it checks where types are known.
"""
