"""Records get written, here or on Beam, with a list of every file."""
