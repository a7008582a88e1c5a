"""What a brand may set: tokens, marks, texts and template overrides, read, checked and compiled. Knows no request and no merchant."""
