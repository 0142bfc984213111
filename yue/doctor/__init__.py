"""What a machine and a project lack, and the command that mends it."""
