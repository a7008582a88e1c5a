"""What a customer may ask of what is held about it: a copy of all of it, and that it is erased."""
