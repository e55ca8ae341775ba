"""Everything that knows Flask: requests, responses, views and the decorator."""
