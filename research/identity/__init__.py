"""Offline: the background model of identity is fitted and judged here."""
