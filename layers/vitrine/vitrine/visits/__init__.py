"""Store visits: jobs that measure the pictures taken there."""
