"""Measure what the extension costs a request, against its targets and beside others."""
