"""Review: snapshots, the reviewers' decisions about them, and what follows from a decision."""
