"""What a merchant sells, and what shoppers did with it."""
