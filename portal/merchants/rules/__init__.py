"""What a merchant's settings, payment options and secrets look like; pure."""
