"""The extension under real servers: requests a second under wrk, and half an hour with workers killed."""
