"""Model and loop: Keras lives here."""
