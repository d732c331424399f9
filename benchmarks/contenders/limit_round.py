"""The machine's limit: the samples of a round in the largest batches that pay, all of it one model's gradient.

Nobody can train so, as every client's steps depend on each other; it says how much of the machine small batches use.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from torch.nn import functional

from contenders.work import accuracy, build, finished, load

SIZES = (50, 200, 800)


def serve(config: dict[str, Any], turns: Any) -> None:
    x, y, _, test_x, test_y = load(config)
    samples = config["cohort"] * config["held"]
    images, labels = torch.from_numpy(x[:samples]).float() / 255, torch.from_numpy(y[:samples])
    images = images.contiguous(memory_format=torch.channels_last)
    device = config["device"]
    images, labels = images.to(device), labels.to(device)
    model = build(config["model"]).to(device)

    def through(size: int) -> float:
        began = time.perf_counter()
        for batch, targets in zip(images.split(size), labels.split(size), strict=True):
            model.zero_grad()
            functional.cross_entropy(model(batch), targets).backward()
        finished(device)
        return time.perf_counter() - began

    size = min(SIZES, key=lambda size: min(through(size), through(size)))
    for _ in turns:
        seconds = through(size)
        turns.report(seconds, batch=size, accuracy=accuracy(model, test_x, test_y))
        model.train()
