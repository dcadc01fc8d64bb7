"""Repositories in memory, for use-case tests. `tests/contract` holds them to the DynamoDB ones."""
