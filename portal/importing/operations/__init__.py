"""Reading a file, and writing what its rows describe."""
