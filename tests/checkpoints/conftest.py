"""The token files, base model and jobs of the training tests."""

from tests.training.conftest import (  # noqa: F401
    _own_linear,
    a_train_fixture,
    base_path,
    job,
    setup,
    tokens_path,
    world,
)
