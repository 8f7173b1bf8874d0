# cython: freethreading_compatible=True, auto_pickle=False
"""Typed msgpack and hessian2: a hint is compiled once into a tree of plan nodes, and each node encodes and decodes one type.

A node is a ``cdef class`` with two C methods, ``encode(writer, value)`` and ``decode(reader)``. Nodes hold their
children, so a value is walked by C calls through method tables: no look-up by type tag, no Python-level call per
value. Validation is part of that walk: a node refuses what is not its type, and every container on the way out adds
its step to ``error.path``.

Reading trusts nothing. Each read checks what is left; a claimed count or length is compared with the bytes that remain
and with the limits before anything is allocated. Writing trusts no object either: user code (properties, subclasses)
may run and change what is being walked, so sizes are checked again and references are held.

hessian2 walks the same nodes by two more methods; a stream's numbered containers, class definitions and type names are
in its HessianWriter or HessianReader (_codec_parts/hessian_*.pxi).

The layout of values is that of msgpack itself, and stock decoders read it; docs/wire.md lists the choices it leaves
open. Which node serves which hint is decided in plan.py. This module imports rpcore.errors, and rpcore.javatypes with the
first hessian2 value that is one of Java's own types.
"""

from rpcore.errors import CodecError, ConfigurationError, DecodeError, EncodeError

include "_codec_parts/capi.pxi"
include "_codec_parts/buffer.pxi"
include "_codec_parts/reader.pxi"
include "_codec_parts/tokens.pxi"
include "_codec_parts/scanner.pxi"
include "_codec_parts/hessian_tokens.pxi"
include "_codec_parts/hessian_writer.pxi"
include "_codec_parts/scalars.pxi"
include "_codec_parts/text.pxi"
include "_codec_parts/instants.pxi"
include "_codec_parts/any.pxi"
include "_codec_parts/choices.pxi"
include "_codec_parts/sequences.pxi"
include "_codec_parts/mappings.pxi"
include "_codec_parts/records.pxi"
include "_codec_parts/unions.pxi"
include "_codec_parts/calls.pxi"
include "_codec_parts/hessian_reader.pxi"
include "_codec_parts/hessian_objects.pxi"
include "_codec_parts/hessian_any.pxi"
include "_codec_parts/hessian_containers.pxi"
include "_codec_parts/hessian_java.pxi"
