"""Make the models that ship again, and measure what the project promises. Not part of the wheel."""
