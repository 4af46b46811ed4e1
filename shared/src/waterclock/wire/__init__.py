"""Bytes: how events and keys are spelled in the log. Pure, like the model."""
