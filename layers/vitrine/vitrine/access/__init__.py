"""Merchants, keys and quotas."""
