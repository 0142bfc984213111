"""The verbs of the ``yue`` command, one module each.

A verb's module has ``EXAMPLE`` (one runnable line for ``--help``), ``add_arguments(parser)`` and
``run(args)``. Heavy imports belong inside ``run``: parsing a command line never imports torch.
"""
