"""What a row of a file means; pure."""
