"""What to show a shopper next."""
