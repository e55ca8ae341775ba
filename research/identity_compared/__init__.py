"""Other ways of telling people apart, held against the one that ships, on background people alone."""
