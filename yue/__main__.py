"""``python -m yue``: the form dvc.yaml uses, so that a copied tree runs its own code."""

import sys

if __name__ == "__main__":
    try:
        from yue.cli import main

        code = main()
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == "yue":
            raise
        sys.exit(
            f"yue: this Python ({sys.executable}) has no package '{error.name}'.\n"
            "  fix: `. .venv/bin/activate`, the project's environment (`make repro` makes it)"
        )
    sys.exit(code)
