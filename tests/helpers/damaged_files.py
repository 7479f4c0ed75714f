"""What happens to files that were whole."""


def flip_bit(path, at=0.5):
    """Changes one bit, in the middle or at another share of the file."""
    data = bytearray(path.read_bytes())
    data[int(len(data) * at)] ^= 1
    path.write_bytes(data)
