"""What ``import rpcore`` costs over ``import asyncio, dataclasses, typing``: ``python -m bench.imports``

Fresh interpreters in turns, files in the page cache; medians of 20 runs. CPU time, to which a busy machine
adds little.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

BASE = "import asyncio, dataclasses, typing"
TIMED = "import time; start = time.process_time(); {}; print(time.process_time() - start)"
LIMIT, GOAL = 0.020, 0.010


def seconds(statement: str) -> float:
    """CPU seconds of one import statement in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", TIMED.format(statement)], capture_output=True, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="The cost of importing rpcore.")
    parser.add_argument("--quick", action="store_true", help="5 runs instead of 20")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "imports.json")
    args = parser.parse_args()
    seconds(f"{BASE}, rpcore")  # writes the .pyc files
    pairs = [(seconds(BASE), seconds(f"{BASE}, rpcore")) for _ in range(5 if args.quick else 20)]
    base, both = (statistics.median(column) for column in zip(*pairs, strict=True))
    over = statistics.median(both - base for base, both in pairs)
    result = {"base_ms": 1e3 * base, "with_rpcore_ms": 1e3 * both, "over_ms": 1e3 * over}
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(result, indent=1))
    verdict = "reached" if over <= GOAL else "met" if over <= LIMIT else "above"
    print(f"{BASE}: {1e3 * base:.1f} ms; import rpcore on top: {1e3 * over:.1f} ms", end=" ")
    print(f"({verdict}: at most {1e3 * LIMIT:.0f}, reach for {1e3 * GOAL:.0f})")


if __name__ == "__main__":
    main()
