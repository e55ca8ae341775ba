"""Studies and measurements of the model that ships. Run from a checkout, not part of the wheel."""
