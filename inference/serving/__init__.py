"""A network behind HTTP: a page for people, `POST /v1/predict` for programs.

What a request brings lives in memory, for as long as it is answered. Nothing of
it is written to disk, and nothing logged: there are counts, at `/metrics`.

This package itself imports nothing; its modules need the extra `serve`.
"""
