"""What pyproject.toml cannot say: the native library, and the files that projects are made from."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

TEMPLATE = ("dvc.yaml", "demo/dvc.yaml", "models/separator/README.md")
TEMPLATE += ("models/stage2/README.md", "corpora/README.md", "prompts/README.md")
TEMPLATE += ("schemas/recipe.schema.json", "recipes/*.yaml")


class BuildWithTemplate(build_py):
    """Puts the pipeline files and recipes of the checkout into the wheel as ``yue/template``."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return  # an editable install reads the checkout's own
        for pattern in TEMPLATE:
            for file in Path().glob(pattern):
                target = Path(self.build_lib, "yue", "template", file)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)


setup(cffi_modules=["yue/native/build.py:make_builder"], cmdclass={"build_py": BuildWithTemplate})
