"""From the directory of a run to what its network says about images."""
