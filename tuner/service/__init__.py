"""The service: an HTTP API in front of a store. It hands jobs to workers and parses no model itself."""
