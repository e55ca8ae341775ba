"""Offline only: recordings, data sets, simulators, fitting and evaluation. Web workers never load it."""
