"""Everything, one part after the other: ``python -m bench [--quick] [--java]``. Each part also runs alone."""

import argparse
import subprocess
import sys
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

PARTS = {
    "calls, against peers": ["bench.run"],
    "picks": ["bench.picks"],
    "memory": ["bench.memory"],
    "import": ["bench.imports"],
    "hessian2, against Java's and msgpack": ["bench.hessian", "--json", f"{RESULTS}/hessian.json"],
    "hostile hessian2": ["bench.hostile", "--json", f"{RESULTS}/hostile.json"],
}
CODEC = ["pytest", "bench/test_codec_bench.py", "-q", f"--benchmark-json={RESULTS}/codec.json"]


def main() -> None:
    """The command line. Exits 1 if a part failed, after all have run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter everywhere: a look, not a figure")
    parser.add_argument("--java", action="store_true", help="calls also against Dubbo Java (a JDK, Maven, and minutes)")
    options = parser.parse_args()
    quick = ["--quick"] if options.quick else []
    RESULTS.mkdir(exist_ok=True)
    failed = []
    parts = {title: [*command, *quick] for title, command in PARTS.items()} | {"codec": CODEC}
    if options.java:
        parts["calls, against peers"].append("--java")
    for title, command in parts.items():
        print(f"\n=== {title}: python -m {' '.join(command)}\n", flush=True)
        if subprocess.run([sys.executable, "-m", *command], check=False).returncode:
            failed.append(title)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
