"""Programs that drive a browser, measured against the example app: ``python -m research tools``."""
