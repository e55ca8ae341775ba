"""Offline only: recordings, data sets, simulators, fitting and evaluation; web workers never load it."""
