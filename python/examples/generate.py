"""Compresses a model folder, loads plain and compressed, and compares what they generate and what they take.

    python generate.py MODEL_FOLDER [--tokens 34] [--prompt 'TEXT'] [--mode exact|fast]

The folder is one that Transformers loads, from a hub's cache or saved; without a tokenizer in it, the prompt is
a few token ids. Each model runs in a process of its own, so that memory is its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import xnc


def resident() -> dict[str, int]:
    """Resident memory of this process in bytes: anonymous, and of mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss")}
    return {"anonymous": found["RssAnon"], "files": found["RssFile"]}


def run(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """Loads and generates, in this process."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, logging

    import xnc.transformers

    logging.set_verbosity_error()
    torch.set_num_threads(args.threads)
    if (folder / "tokenizer_config.json").exists() and args.prompt:
        ids = AutoTokenizer.from_pretrained(folder)(args.prompt, return_tensors="pt").input_ids
    else:
        ids = torch.tensor([[2, 450, 1024, 33, 901, 17]])
    before, start = resident(), time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype="auto").eval()
    loaded = time.perf_counter() - start
    xnc.transformers.set_mode(model, args.mode)
    options = {"do_sample": False, "attention_mask": torch.ones_like(ids), "pad_token_id": 0}
    seconds = []
    for _ in range(args.repeats):
        start = time.perf_counter()
        out = model.generate(ids, max_new_tokens=args.tokens, min_new_tokens=args.tokens, **options)
        seconds.append(time.perf_counter() - start)
    after = resident()
    with torch.no_grad():
        logits = model(input_ids=ids).logits
    return {
        "tokens": out[0].tolist(),
        "logits": hash(logits.view(torch.int16).numpy().tobytes() if logits.dtype.itemsize == 2 else 0),
        "load_s": loaded,
        "generate_s": min(seconds),
        "resident": {kind: after[kind] - before[kind] for kind in after},
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokens", type=int, default=34)
    parser.add_argument("--prompt", default="The capital of France is")
    parser.add_argument("--mode", default="exact", choices=["exact", "fast"])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--alone", action="store_true", help="load this folder and print what it did")
    args = parser.parse_args()
    if args.alone:
        print(json.dumps(run(args.folder, args)))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        compressed = Path(scratch) / "model.xnc"
        report = xnc.compress(args.folder, compressed, progress=None)
        if report["output"] is None:
            print(f"nothing to compress: {report['nothing']}")
            return 1
        found = {}
        for name, folder in (("plain", args.folder), ("compressed", compressed)):
            # Without random hashes, so that those of two processes can be compared.
            command = ["env", "PYTHONHASHSEED=0", sys.executable, __file__, *sys.argv[1:]]
            command[command.index(str(args.folder))] = str(folder)
            out = subprocess.run([*command, "--alone"], check=True, stdout=subprocess.PIPE, text=True).stdout
            found[name] = json.loads(out.splitlines()[-1])
    found["same_tokens"] = found["plain"]["tokens"] == found["compressed"]["tokens"]
    found["same_logits"] = found["plain"].pop("logits") == found["compressed"].pop("logits")
    tables = [tensor for tensor in report["tensors"] if tensor["codec"]]
    found["saved_bytes"] = sum(tensor["source_bytes"] - tensor["stored_bytes"] for tensor in tables)
    if args.json:
        print(json.dumps(found))
        return 0
    print(f"tables: {found['saved_bytes'] / 1e6:.1f} MB saved of {sum(t['source_bytes'] for t in tables) / 1e6:.1f}")
    for name in ("plain", "compressed"):
        one = found[name]
        memory = ", ".join(f"{size / 1e6:.0f} MB {kind}" for kind, size in one["resident"].items())
        took = f"loaded in {one['load_s']:.2f} s, {args.tokens} tokens in {one['generate_s']:.2f} s"
        print(f"{name:>10}: {took}, {memory}")
    print(f"tokens the same: {found['same_tokens']}; logits the same: {found['same_logits']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
