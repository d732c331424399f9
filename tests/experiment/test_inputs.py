"""Models of several inputs, and models that return more than logits, from the data to the folder on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import astraea
from astraea.errors import InputError
from astraea.federation.calling import unpacked
from astraea.federation.models import AutoModel, build_model

RNG = np.random.default_rng(0)
IDS, MASK, Y = RNG.integers(0, 20, (48, 5)), (RNG.random((48, 5)) < 0.7).astype(np.int64), np.arange(48) % 3
MASK[:, 0] = 1
PAIR = ({"input_ids": IDS, "attention_mask": MASK}, Y)
SMALL: dict[str, Any] = {
    "rounds": 2,
    "scenario": {"clients": 4},
    "train": {"batch_size": 5},
    "algorithm": {"name": "fedavg", "clients_per_round": 4},
}


class Text(nn.Module):
    """The mean of embeddings that the mask shows; logits come as in Hugging Face's models."""

    def __init__(self, rows: int = 20) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(rows, 4), nn.Linear(4, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        weight = attention_mask[..., None].float()
        return {"logits": self.head((self.table(input_ids) * weight).sum(1) / weight.sum(1).clamp(min=1))}


class Renamed(Text):
    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(ids, mask)["logits"]


class Whole(Text):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:  # type: ignore[override]
        return super().forward(**batch)["logits"]


class Bag(nn.Module):
    """Takes ids alone: no mask, no lengths."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.head = nn.Embedding(20, 4, padding_idx=0), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.table(x).mean(1))


def model(kind: type[nn.Module] = Text, **options: Any) -> Any:
    torch.manual_seed(0)
    return kind(**options)


def run(module: nn.Module, dataset: Any = PAIR, **changes: Any) -> astraea.Result:
    return astraea.run(dataset=dataset, model=module, **{**SMALL, **changes})


@pytest.fixture(scope="module")
def trained() -> astraea.Result:
    return run(model())


def same(first: astraea.Result, second: astraea.Result) -> bool:
    states = first.model.state_dict(), second.model.state_dict()
    return all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_inputs_go_in_by_name_and_logits_come_out(trained: astraea.Result) -> None:
    assert trained.summary["visits_skipped"] == 0
    assert trained.summary["accuracy_final"] > 0
    with torch.no_grad():  # the model is again the caller's own
        logits = trained.model(torch.tensor(IDS[:2]), torch.tensor(MASK[:2]))["logits"]
    assert logits.shape == (2, 3)
    assert not trained.model._forward_pre_hooks
    assert not trained.model._forward_hooks


def test_a_mapping_and_keywords_train_alike(trained: astraea.Result) -> None:
    assert same(run(model(Whole)), trained)


def test_other_names_are_refused_with_both() -> None:
    with pytest.raises(
        InputError, match=r"inputs input_ids, attention_mask, but the model's forward takes \(ids, mask"
    ):
        run(model(Renamed))
    with pytest.raises(InputError, match="model 'mlp' takes one input, but samples have input_ids, attention_mask"):
        astraea.run(dataset=PAIR, **{**SMALL, "model": "mlp"})


def test_stacked_models_get_them_too(trained: astraea.Result, caplog: pytest.LogCaptureFixture) -> None:
    stacked = run(model(), engine="stacked")
    for name, value in trained.model.state_dict().items():
        assert torch.allclose(stacked.model.state_dict()[name], value, atol=1e-5)


def test_ragged_sequences_come_with_what_the_model_asks_for(trained: astraea.Result) -> None:
    lengths = MASK.sum(1)
    ragged = [row[:length] for row, length in zip(IDS, lengths, strict=True)]
    masked = (np.arange(5) < lengths[:, None]).astype(np.int64)
    padded = np.where(masked, IDS, 0)
    assert same(run(model(), (ragged, Y)), run(model(), ({"input_ids": padded, "attention_mask": masked}, Y)))
    assert same(run(model(Renamed), (ragged, Y)), run(model(), (ragged, Y)))
    assert same(run(model(Bag), (ragged, Y)), run(model(Bag), (padded, Y)))


def cuts(module: nn.Module) -> bool:
    return next(hook.cuts for hook in module._forward_pre_hooks.values() if hasattr(hook, "cuts"))


class Seen(Text):
    """Remembers how long the sequences were."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> dict[str, Tensor]:
        SEEN.append(input_ids.shape[1])
        return super().forward(input_ids, attention_mask)


SEEN: list[int] = []


class Flat(nn.Module):
    """Can be given sequences of one length only."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 3)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.head((input_ids * attention_mask).float())


class Mean(Flat):
    """Takes padding for content."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.table = nn.Linear(4, 3), nn.Embedding(20, 4)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.head(self.table(input_ids).mean(1))


def test_batches_are_as_long_as_their_longest_where_it_changes_nothing() -> None:
    inputs = astraea.from_arrays([[1, 2, 3, 4, 5, 6], [1, 2], [3]], [0, 1, 2]).train
    for made, expected in ((Seen, True), (Flat, False), (Mean, False)):
        torch.manual_seed(0)
        module = build_model(
            AutoModel(), inputs.x.shape[1:], 3, 0, factory=lambda made=made: made(), inputs=inputs.form.inputs
        )
        assert cuts(module) is expected
        whole = module(torch.from_numpy(inputs.x))
        SEEN.clear()
        cut = module(torch.from_numpy(inputs.x[1:]))
        assert torch.allclose(whole[1:], cut, atol=1e-6)
        assert not expected or SEEN == [2]


def test_inputs_of_different_lengths_are_padded_alike() -> None:
    x: dict[str, Any] = {"input_ids": [[5, 6, 7], [8]], "token_type_ids": [[1, 1, 0], [1]], "age": np.array([3.5, 4.5])}
    data = astraea.from_arrays(x, [0, 1], {name: one[:1] for name, one in x.items()}, [0], pad=9)
    inputs = unpacked(torch.from_numpy(data.train.x), data.train.form.inputs)
    assert inputs["input_ids"].tolist() == [[5, 6, 7], [8, 9, 9]]
    assert inputs["token_type_ids"].tolist() == [[1, 1, 0], [1, 9, 9]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert inputs["lengths"].tolist() == [3, 1]
    again = data.reader.rows({"input_ids": [[8]], "token_type_ids": [[1]], "age": [4.5]})
    assert again.tolist() == data.train.x[1:].tolist()
    with pytest.raises(InputError, match="'input_ids' and 'token_type_ids' of a sample differ in length"):
        astraea.from_arrays({**x, "token_type_ids": [[1], [1, 1]]}, [0, 1])


def test_codes_beyond_an_embedding_are_found_in_every_input() -> None:
    with pytest.raises(InputError, match=r"has 10 rows, but the samples hold codes from \d+ to 19"):
        run(model(rows=10))


def test_a_folder_knows_its_inputs(tmp_path: Path, trained: astraea.Result) -> None:
    out = tmp_path / "run"
    first = run(model(), out=out)
    assert same(first, trained)
    loaded = astraea.load_result(out, model=model())
    assert list(loaded.predict(PAIR[0])) == list(first.predict(PAIR[0]))
    assert loaded.prepare(PAIR[0])["input_ids"].shape == (48, 5)
    assert same(loaded, first)
    assert loaded.model(torch.tensor(IDS[:2]), torch.tensor(MASK[:2]))["logits"].shape == (2, 3)


@pytest.mark.slow
def test_worker_processes_give_the_same_bytes(trained: astraea.Result) -> None:
    assert same(run(model(), engine={"name": "processes", "workers": 2}), trained)
