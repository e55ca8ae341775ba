"""Kinds of models side by side, on the same strokes and the same splits."""
