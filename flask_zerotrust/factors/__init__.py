"""Ways to prove who one is: each factor knows codes, and nothing of HTTP, attempts or used codes."""
