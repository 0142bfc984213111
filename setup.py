"""What pyproject.toml cannot say: the native library is a cffi module. All else is there."""

from setuptools import setup

setup(cffi_modules=["yue/native/build.py:make_builder"])
