"""Static embeddings of sentence-transformers and Model2Vec."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import xnc
import xnc.transformers
from xnc.transformers import XncTensor

WORDS = [f"w{number}" for number in range(900)]
SENTENCES = ["w1 w5 w700", "w3", "w899 w899 nothing w2 w4 w6"]


def tokenizer() -> "object":
    tokenizers = pytest.importorskip("tokenizers")
    vocabulary = {"[UNK]": 0, "[PAD]": 1} | {word: place + 2 for place, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    return made


def weights(dtype: torch.dtype) -> torch.Tensor:
    torch.manual_seed(2)
    # BF16 values, so that a table of float32 has something to give.
    return torch.randn(len(WORDS) + 2, 32).bfloat16().to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_static_embedding(tmp_path: Path, dtype: torch.dtype) -> None:
    sentence_transformers = pytest.importorskip("sentence_transformers")
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    module = StaticEmbedding(tokenizer(), embedding_weights=weights(dtype))
    plain = sentence_transformers.SentenceTransformer(modules=[module], device="cpu")
    plain.save(str(tmp_path / "plain"))
    report = xnc.compress(tmp_path / "plain", tmp_path / "small")
    assert report["output"]
    small = sentence_transformers.SentenceTransformer(str(tmp_path / "small"), device="cpu")
    again = sentence_transformers.SentenceTransformer(str(tmp_path / "plain"), device="cpu")
    assert isinstance(small[0].embedding.weight, XncTensor)
    one, other = (model.encode(SENTENCES, convert_to_tensor=True) for model in (small, again))
    assert torch.equal(one, other) and one.abs().sum() > 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_model2vec(tmp_path: Path, dtype: type) -> None:
    model2vec = pytest.importorskip("model2vec")
    vectors = weights(torch.float32).numpy().astype(dtype)
    plain = model2vec.StaticModel(vectors, tokenizer(), config={"normalize": True})
    plain.save_pretrained(str(tmp_path / "plain"))
    report = xnc.compress(tmp_path / "plain", tmp_path / "small", tensors="embedding*")
    assert report["output"]
    small = model2vec.StaticModel.from_pretrained(str(tmp_path / "small"))
    assert not isinstance(small.embedding, np.ndarray) and small.embedding.nbytes < vectors.nbytes
    assert small.embedding.dtype == dtype
    again = model2vec.StaticModel.from_pretrained(str(tmp_path / "plain"))
    assert np.array_equal(small.encode(SENTENCES), again.encode(SENTENCES))
    for one, other in zip(small.encode_as_sequence(SENTENCES), again.encode_as_sequence(SENTENCES)):
        assert np.array_equal(one, other)
