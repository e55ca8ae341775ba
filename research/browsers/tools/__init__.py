"""Programs that drive a browser, measured against the example app: ``make tools``, no test."""
