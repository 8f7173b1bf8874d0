"""Builds the Cython extensions; everything else is in pyproject.toml.

``RPCORE_DEBUG=1`` makes a debug build: bounds, None and initialisation checks, assertions, no optimisation.
"""

import os
import sys
from pathlib import Path

import Cython
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
DEBUG = os.environ.get("RPCORE_DEBUG", "") not in ("", "0")

# The generated C depends on the compiler and on the directives, so each combination has its own folder:
# none is ever mistaken for another, and no .c file lies beside its source.
C_FILES = f"build/cython-{Cython.__version__}{'-debug' if DEBUG else ''}"

# Directives live here and not in the sources' header comments, because a header comment would win over them
# and a debug build would then check nothing.
DIRECTIVES = {
    "language_level": 3,
    "cdivision": True,
    "embedsignature": True,
    "embedsignature.format": "python",
    # What release code checks itself, once, where the input comes in. Without `wraparound` an index is never
    # negative: `items[-1]` on a typed list would read in front of it.
    "boundscheck": DEBUG,
    "wraparound": DEBUG,
    "initializedcheck": DEBUG,
    "nonecheck": DEBUG,
}


def flags() -> tuple[list[str], list[tuple[str, str]]]:
    """Compiler arguments and macros."""
    if sys.platform == "win32":
        return (["/Od", "/Zi"], []) if DEBUG else (["/O2"], [("CYTHON_WITHOUT_ASSERTIONS", "1")])
    common = ["-fno-strict-aliasing", "-Wno-unused-function"]
    if DEBUG:
        return [*common, "-O1", "-g3", "-UNDEBUG"], []
    return [*common, "-O3", "-g0", "-fno-plt"], [("CYTHON_WITHOUT_ASSERTIONS", "1")]


def extensions() -> list[Extension]:
    """Every ``rpcore/_*.pyx``. A changed part or declaration rebuilds all: they share the .pxd files."""
    package = ROOT / "rpcore"
    parts = sorted(str(p.relative_to(ROOT)) for s in ("*.pxd", "*/*.pxi", "*.h") for p in package.glob(s))
    compile_args, macros = flags()
    return [
        Extension(
            f"rpcore.{source.stem}",
            [str(source.relative_to(ROOT))],
            depends=parts,
            define_macros=macros,
            extra_compile_args=compile_args,
        )
        for source in sorted((ROOT / "rpcore").glob("_*.pyx"))
    ]


class BuildExtensions(build_ext):
    """Runs Cython when something is compiled, so that an sdist or a metadata request costs no translation."""

    def build_extensions(self) -> None:
        """Translate all sources, then compile them side by side."""
        translated = cythonize(self.extensions, build_dir=C_FILES, compiler_directives=DIRECTIVES, force=self.force)
        for extension, result in zip(self.extensions, translated, strict=True):
            extension.sources = result.sources
        self.parallel = self.parallel or os.cpu_count()
        super().build_extensions()


setup(ext_modules=extensions(), cmdclass={"build_ext": BuildExtensions})
