"""Records what llama.cpp does with the models of `cargo xtask data`, for tests to compare with.

Twice: with the file as it is, where activations are rounded to 8 bits on the way into every product, and
`exact`, with the layers widened to F32 by llama.cpp itself. The first depends on the order of sums: a rounding
that falls the other way moves logits by some tenths everywhere, also between two ways of llama.cpp's own (the
spread printed here). The second does not. Needs llama-cpp-python from its sources:

    pip install --no-binary llama-cpp-python llama-cpp-python==0.3.36
    python make.py ../../../../data [MODEL]    writes SmolLM2-135M.json and Gemma-3-270M.json here
"""

import json
import struct
import sys
import tempfile
from pathlib import Path

import llama_cpp
import numpy as np

MODELS = ["SmolLM2-135M", "Gemma-3-270M"]
THREADS = 2
TOKENS = 32
# Longer than the longest text here; Gemma's local layers see the last 512 positions only.
POSITIONS = 1280
PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a village by the sea, there lived",
    "To make a good cup of coffee, first",
    "def fibonacci(n):\n    \"\"\"Return the n-th Fibonacci number.\"\"\"\n",
    "Water boils at 100 degrees Celsius at sea level. On a mountain",
    "The stations along the coast, from the south to the north, with the number of steps to the lamp of each:\n"
    + "".join(
        f"Lighthouse {n} has {7 * n + 31} steps, and its keeper writes a letter on day {n}.\n" for n in range(36)
    ),
]
# Texts that try the tokenizer: digits, space, other scripts, signs of several bytes, tokens with a meaning
# of their own.
TEXTS = PROMPTS + [
    "",
    " ",
    "   leading and trailing   ",
    "Tabs\tand\n\nlines\r\n  and   runs    of spaces",
    "In 1871 it cost 12,345.67; that's what they'd said, isn't it?",
    "na\u00efve caf\u00e9, \u00c5ngstr\u00f6m, \u4f60\u597d\u4e16\u754c, "
    "\u043f\u0440\u0438\u0432\u0435\u0442, \u0645\u0631\u062d\u0628\u0627, \ud55c\uad6d\uc5b4",
    "\U0001f980 crab, \U0001f468\u200d\U0001f469\u200d\U0001f467 family, \u00bd + \u00b2 \u2260 \u221e",
    "<|im_start|>user\nHello<|im_end|>\n<start_of_turn>model\n<bos>",
    "x" * 70 + "_" * 20 + "=" * 33,
    "https://example.org/a?b=c&d=%20#e {\"key\": [1, 2.5e-3, null]}",
]


class Model:
    """A model and one context, one text at a time."""

    def __init__(self, path, positions, plain_attention=False):
        llama_cpp.llama_log_set(SILENT, None)
        llama_cpp.llama_backend_init()
        self.model = llama_cpp.llama_model_load_from_file(str(path).encode(), llama_cpp.llama_model_default_params())
        assert self.model, path
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = positions
        params.n_threads = params.n_threads_batch = THREADS
        if plain_attention:  # no rounding of keys and values to FP16
            params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
            params.flash_attn_type = llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.tokens = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def encode(self, text):
        data = text.encode()
        out = (llama_cpp.llama_token * (len(data) + 8))()
        count = llama_cpp.llama_tokenize(self.vocab, data, len(data), out, len(out), True, True)
        assert count >= 0
        return list(out[:count])

    def forget(self):
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)

    def take(self, tokens):
        """The logits after the tokens."""
        tokens = (llama_cpp.llama_token * len(tokens))(*tokens)  # the batch only points at them
        batch = llama_cpp.llama_batch_get_one(tokens, len(tokens))
        assert llama_cpp.llama_decode(self.context, batch) == 0
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(logits, shape=(self.tokens,))


SILENT = llama_cpp.llama_log_callback(lambda level, text, data: None)


def greedy(model):
    """Tokens after each prompt, and how far the best logit was ahead of the next."""
    continued = []
    for text in PROMPTS:
        model.forget()
        prompt = model.encode(text)
        logits = model.take(prompt)
        tokens, gaps = [], []
        for _ in range(TOKENS):
            second, first = sorted(np.argpartition(logits, -2)[-2:], key=lambda token: logits[token])
            tokens.append(int(first))
            gaps.append(round(float(logits[first] - logits[second]), 4))
            logits = model.take([int(first)])
        continued.append({"prompt": text, "prompt_tokens": prompt, "tokens": tokens, "gaps": gaps})
    return continued


def spread(path, continued):
    """The largest difference between logits of two ways through llama.cpp, on one text: FP16 keys and
    values, or F32."""
    ways = [Model(path, POSITIONS, plain_attention) for plain_attention in (False, True)]
    largest = 0.0
    for text in continued:
        for way in ways:
            way.forget()
        for tokens in [text["prompt_tokens"], *([token] for token in text["tokens"])]:
            one, other = (way.take(tokens).copy() for way in ways)
            largest = max(largest, float(np.abs(one - other).max()))
    return largest


def widened(path, folder):
    """The same model with F32 layers."""
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = llama_cpp.LLAMA_FTYPE_ALL_F32
    params.allow_requantize = True
    target = Path(folder) / "widened.gguf"
    assert llama_cpp.llama_model_quantize(str(path).encode(), str(target).encode(), params) == 0
    align(target)
    return target


def align(path):
    """llama.cpp begins a quantised file's tensors at a multiple of 32 bytes, whatever alignment the file names, and
    does not read that back: moves them to where they belong."""
    data = path.read_bytes()
    at, alignment = 24, 32
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    sizes = [1, 1, 2, 2, 4, 4, 4, 1, None, None, 8, 8, 8]  # of values, by GGUF type; 8 is a text, 9 a list

    def text(at):
        return at + 8 + struct.unpack_from("<Q", data, at)[0]

    def value(kind, at):
        if kind == 8:
            return text(at)
        if kind != 9:
            return at + sizes[kind]
        kind, count = struct.unpack_from("<IQ", data, at)
        at += 12
        for _ in range(count):
            at = value(kind, at)
        return at

    for _ in range(keys):
        name, at = data[at + 8 : text(at)], text(at)
        if name == b"general.alignment":
            alignment = struct.unpack_from("<I", data, at + 4)[0]
        at = value(struct.unpack_from("<I", data, at)[0], at + 4)
    for _ in range(tensors):
        at = text(at)
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 12
    begin, meant = ((at + by - 1) // by * by for by in (32, alignment))
    path.write_bytes(data[:begin] + bytes(meant - begin) + data[begin:])


def record(path):
    model = Model(path, POSITIONS)
    with tempfile.TemporaryDirectory() as folder:
        exact = greedy(Model(widened(path, folder), POSITIONS, plain_attention=True))
    quantised = greedy(model)
    return {
        "command": "python crates/xnc-llm/tests/reference/make.py data",
        "llama_cpp_python": llama_cpp.__version__,
        "file": path.name,
        "spread": round(spread(path, quantised), 3),
        "quantised": quantised,
        "exact": exact,
        "encoded": [{"text": text, "tokens": model.encode(text)} for text in TEXTS],
    }


if __name__ == "__main__":
    for name in sys.argv[2:] or MODELS:
        path = Path(sys.argv[1]) / f"{name}.bf16.gguf"
        target = Path(__file__).with_name(f"{name}.json")
        target.write_text(json.dumps(record(path)) + "\n")
        print(target)
