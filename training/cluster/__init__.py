"""Several workers: how they find each other, agree, and notice an end."""
