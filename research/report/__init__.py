"""The report a sceptic accepts: intervals on every figure, the trivial rule beside it, unknown apart."""
