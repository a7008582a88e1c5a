"""What is remembered: who did what, when; append-only."""
