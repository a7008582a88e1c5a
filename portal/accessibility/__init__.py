"""The statement of what was done for people with disabilities, and of what does not work for them."""
