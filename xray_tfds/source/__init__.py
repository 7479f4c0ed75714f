"""What is in a folder: its files, their classes, splits and patients."""
