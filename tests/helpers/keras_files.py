"""Keras files that someone has changed."""

import json
import zipfile


def insert_code(path, ran):
    """Puts a layer into a model whose building would make a file `ran`."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    config = json.loads(members["config.json"])
    config["config"]["layers"].insert(
        1,
        {
            "module": "os",
            "class_name": "system",
            "config": {"command": f"touch {ran}"},
            "registered_name": "Lambda",
        },
    )
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
