"""Openings of a made-up split, written to a ledger."""

from evaluation import ledger

DATA = "d" * 64


def opening(model="m1", *, data=DATA):
    return ledger.Opening(
        split="test",
        data_fingerprint=data,
        models=(model,),
        threshold=0.5,
        versions={"numpy": "1"},
    )


def append(places, count):
    for number in range(count):
        result = ledger.append(places, opening(f"m{number}"))
    return result
