"""Files that cannot be used, each in its own way, made from good ones."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
from pathlib import Path

from tests.cli.conftest import Trained

#: What the weights below would do if anybody unpickled them.
MARK = "unpickled"

OWN = '''
"""Networks of a person's own, good and bad."""
import os
import signal
import torch
import rulekd

class Left(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(0.1))
        self.calls = 0

    def forward(self, center):
        self.calls += self.training
        if self.calls == int(os.environ.get("INTERRUPT_AT", -1)):
            os.kill(os.getpid(), signal.SIGINT)
        return {"left_of": self.scale * (center[:, None, :, 0] - center[:, :, None, 0])}

def build():
    return rulekd.Predictor(Left(), {"left_of": 2}, inputs=lambda s: s["center"])

def by_points(scenes):
    return rulekd.Predictor(Left(), {"left_of": 2}, inputs=lambda s: s["points"][..., :3].mean(2))

def never_sure():
    made = build()
    made.outputs = lambda out: {"left_of": out["left_of"] * float("nan")}
    return made

def never_the_same():
    made = build()
    made.outputs = lambda out: {"left_of": out["left_of"] + torch.randn(out["left_of"].shape)}
    return made

def flat():
    made = build()
    made.outputs = lambda out: {"left_of": out["left_of"].sum(-1)}
    return made

def failing():
    made = build()
    made.outputs = lambda out: out["right_of"]
    return made

MARK = 'no function'

def wrong():
    return 7

def broken():
    raise ValueError("no weights here")

def greedy(one, two):
    return build()
'''


class _Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (MARK,)


def damaged_files(files: Trained, folder: Path) -> Path:
    """The folder, filled."""
    folder.mkdir(exist_ok=True)
    (folder / "own.py").write_text(OWN)
    (folder / "fails.py").write_text("import no_such_package\n")
    scenes = files.bare.read_text()
    first, second = scenes.splitlines()[:2]
    head = json.loads(first)
    (folder / "empty.jsonl").write_text("")
    (folder / "cut.jsonl").write_text(scenes[: len(scenes) // 2])
    (folder / "cut.jsonl.gz").write_bytes(gzip.compress(scenes.encode())[:2000])
    (folder / "future.jsonl").write_text("\n".join([json.dumps({**head, "version": 99}), second]))
    (folder / "twice.jsonl").write_text("\n".join([first, second, second]))
    (folder / "endless.jsonl").write_text("\n".join([first, second.replace("0.", "1e999, 0.", 1)]))
    (folder / "noise.jsonl").write_bytes(b"\x80\x81\xff" * 50)
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n")
    graph = files.graph.read_text()
    (folder / "cut.kg.json").write_text(graph[: len(graph) // 2])
    (folder / "future.kg.json").write_text(json.dumps({**json.loads(graph), "version": 99}))
    (folder / "other.kg.json").write_text('{"format": "something else"}')
    (folder / "foreign.kg.json").write_text(graph.replace("near", "beside"))
    for name in ("no-weights", "cut-weights", "pickled-weights", "future-run", "cut-run"):
        shutil.copytree(files.teacher, folder / name)
    weights = (folder / "cut-weights/weights.safetensors").read_bytes()
    (folder / "no-weights/weights.safetensors").unlink()
    (folder / "cut-weights/weights.safetensors").write_bytes(weights[: len(weights) // 2])
    (folder / "pickled-weights/weights.safetensors").write_bytes(pickle.dumps(_Payload()))
    record = json.loads((folder / "future-run/run.json").read_text())
    (folder / "future-run/run.json").write_text(json.dumps({**record, "version": 99}))
    (folder / "cut-run/run.json").write_text(json.dumps(record)[:100])
    (folder / "no-run").mkdir()
    return folder
