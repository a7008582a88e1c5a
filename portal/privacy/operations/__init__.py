"""What is done about personal data: exported, erased."""
