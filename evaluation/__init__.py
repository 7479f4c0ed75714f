"""Numbers and pictures: scores in, evidence out; knows nothing of devices."""
