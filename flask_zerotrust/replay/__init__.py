"""Recognise movement that was seen before. Used only if the app switches it on."""
