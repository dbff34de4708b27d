"""The command ``xnc-batch``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from ..errors import Error
from ._plan import VERBS, Plan
from ._planning import plan
from ._progress import size
from ._report import PRICE, report, text
from ._run import run


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 when items failed; 2 for what makes no sense; 130 after Ctrl-C."""
    parsed = _parser().parse_args(arguments)
    try:
        return int(parsed.do(parsed))
    except (Error, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the plan again to go on", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("xnc-batch", description="Compress thousands of model files and folders.")
    verbs = parser.add_subparsers(required=True, metavar="plan|run|report")
    planning = verbs.add_parser("plan", help="list the work below a folder or prefix, and what it would save")
    planning.add_argument("prefix", help="a local folder, or s3://BUCKET/PREFIX")
    planning.add_argument("--to", help="where results go [PREFIX.xnc, PREFIX.restored]")
    planning.add_argument("--verb", choices=VERBS, default="compress")
    planning.add_argument("--codec", default="fast", help="as in xnc compress")
    planning.add_argument("--effort", type=int, help="as in xnc compress")
    planning.add_argument("--tensors", default="embeddings", help="as in xnc compress")
    planning.add_argument("--no-headers", action="store_true", help="read listings alone, and estimate no savings")
    planning.add_argument("-o", "--output", default="plan.jsonl", help="the plan, as JSON lines [plan.jsonl]")
    planning.set_defaults(do=_plan)
    running = verbs.add_parser("run", help="do what a plan says; again after a crash, to finish the rest")
    running.add_argument("plan")
    running.add_argument("--on", choices=("local", "ray"), default="local")
    running.add_argument("--address", help="of a Ray cluster [the one that runs here, or a new one]")
    running.add_argument("--workers", type=int, help="processes, or tasks at once [as many as there are cores]")
    running.add_argument("--threads", type=int, default=1, help="of a worker [1]")
    running.add_argument("--retries", type=int, default=3, help="further tries of an item [3]")
    running.add_argument("--scratch", help="a folder with room for a source and a result a worker")
    running.add_argument("--results", help="JSON lines are appended here [PLAN.results.jsonl]")
    running.set_defaults(do=_run)
    reporting = verbs.add_parser("report", help="sum up results")
    reporting.add_argument("results")
    reporting.add_argument("--price", type=float, default=PRICE, help=f"of a GB and month [{PRICE}]")
    reporting.set_defaults(do=_report)
    for verb in (planning, running):
        verb.add_argument(
            "--store", action="append", default=[], metavar="KEY=VALUE", help="an option of obstore, such as endpoint"
        )
    for verb in (planning, running, reporting):
        verb.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _store(parsed: argparse.Namespace) -> dict[str, Any]:
    return dict(option.partition("=")[::2] for option in parsed.store)


def _plan(parsed: argparse.Namespace) -> int:
    made = plan(
        parsed.prefix,
        parsed.to,
        verb=parsed.verb,
        codec=parsed.codec,
        effort=parsed.effort,
        tensors=parsed.tensors,
        headers=not parsed.no_headers,
        store=_store(parsed),
    )
    made.save(parsed.output)
    told = made.summary
    if parsed.json:
        print(json.dumps({**told, "plan": parsed.output}))
        return 0
    print(f"{told['files']} model files in {told['models']} folders and alone, {size(told['bytes'])}")
    print(f"{size(told['bytes_to_do'])} to do, {told['files_done']} files done before")
    if parsed.verb == "compress" and not parsed.no_headers:
        tables, saved = size(told["table_bytes"]), size(told["estimated_saved_bytes"])
        print(f"{tables} of tables; some {saved} would be saved (by {told['files_looked_at']} headers)")
    if told["left_alone_files"]:
        print(f"{told['left_alone_files']} other files, {size(told['left_alone_bytes'])}, are left alone")
    print(f"{parsed.output}: from {made.source}" + (f" to {made.to}" if made.to else ""))
    return 0


def _run(parsed: argparse.Namespace) -> int:
    made = Plan.load(parsed.plan)
    results = parsed.results or parsed.plan.removesuffix(".jsonl") + ".results.jsonl"
    told = report(
        run(
            made,
            parsed.on,
            results=results,
            workers=parsed.workers,
            threads=parsed.threads,
            retries=parsed.retries,
            scratch=parsed.scratch,
            progress=True,
            address=parsed.address,
            store={**made.store, **_store(parsed)},
        )
    )
    print(json.dumps({**told, "results": results}) if parsed.json else f"{text(told)}\n{results}")
    return 1 if told["failed"] else 0


def _report(parsed: argparse.Namespace) -> int:
    told = report(parsed.results, price=parsed.price)
    print(json.dumps(told) if parsed.json else text(told))
    return 0


if __name__ == "__main__":
    sys.exit(main())
