"""One file per promise of docs/threat-model: each test fails without its defence."""
