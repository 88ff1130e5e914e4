"""`python -m vae_exp.export RUN OUT`: export a trained model to files that can be used without vae_exp."""

from __future__ import annotations

import argparse
from pathlib import Path

from vae_exp.errors import UserError, complain
from vae_exp.printing import print_line


def main() -> None:
    """Parse the command line and exit with the code of `export`."""
    parser = argparse.ArgumentParser(prog="python -m vae_exp.export", description=export.__doc__)
    parser.add_argument("run", help="folder of a finished run or of a sweep (its best run), or the id of an MLflow run")
    parser.add_argument("out", type=Path, help="a new or empty folder")
    parser.add_argument("--license", dest="licence", help="name of the model's licence for its card, such as mit")
    arguments = parser.parse_args()
    try:
        code = export(arguments.run, arguments.out, arguments.licence)
    except UserError as error:
        complain(str(error))
        code = 2
    raise SystemExit(code)


def export(run: str, out: Path, licence: str | None = None) -> int:
    """Write weights, ONNX files, a model card and an example of a finished run.

    Exit codes: 0 written, 1 written without ONNX (its extra is not installed), 2 refused.
    """
    from vae_exp.exporting import folder, onnx_files, source

    folder.require_empty(out)
    with source.open_source(run) as found:
        folder.write(found, out, licence)
    print_line(f"exported to {out}")
    if not onnx_files.is_available():
        complain("the ONNX files are missing; install the extra and export again: pip install 'vae_exp[onnx]'")
        return 1
    return 0


if __name__ == "__main__":
    main()
