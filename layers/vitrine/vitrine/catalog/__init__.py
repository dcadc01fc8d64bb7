"""The catalogue: a merchant's products, and users' interactions with them."""
