"""Procedural frontal chest radiographs, for `xray_tfds.sample`.

`anatomy`, `skeleton` and `pneumonia` say how much every part of a chest
attenuates the beam, on the plane that `projection` lays over the body; `film`
adds them up and takes the picture. Random numbers come from the generator that
the caller hands in, so that a film is a pure function of its seed.
"""
