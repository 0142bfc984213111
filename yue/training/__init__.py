"""Training a LoRA adapter: the stage prepares a job, DeepSpeed's launcher starts the workers."""
