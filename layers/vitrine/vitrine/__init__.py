"""Vitrine: everything its functions share, a room a capability."""
