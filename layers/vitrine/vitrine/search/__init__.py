"""Images are found by what is said of them."""
