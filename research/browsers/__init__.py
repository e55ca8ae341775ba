"""Measure people, automation and attackers in real browsers, and take pictures of the pages."""
