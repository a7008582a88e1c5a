"""The pages below a pay link."""
