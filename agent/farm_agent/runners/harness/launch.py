"""One launch, from its request to its result.

    import runtime -> load -> feed -> first inference -> warm-up -> measure -> verify -> result

Usage: `python -I run_x.py request.json`. Exit status 0 with a `result` event, 1 with a `failure` event; any other end
is a crash, and the agent says so.
"""

import hashlib
import platform
import sys
import time
import traceback
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from .golden import Golden, compare, open_golden
from .loop import Rule, clock_ns, loop_overhead_s, measure
from .memory import peak_rss_bytes, rss_bytes
from .protocol import Events, LaunchError, Request, read_request
from .runtime import Runtime
from .tensors import Array, Tensor, dequantise, quantise, seeded
from .warmup import median, warm_up

__all__ = ["main"]

PROGRESS_NS = 1000000000
CONVERSION_COUNT = 20
CONVERSION_NS = 100000000


def main(make: Callable[[], Runtime]) -> int:
    """Carry out the request named on the command line. `make` imports the runtime, so that its cost is seen."""
    events = Events()
    try:
        if len(sys.argv) != 2:
            raise LaunchError(f"usage: {Path(sys.argv[0]).name} request.json", kind="agent")
        request = read_request(sys.argv[1])
        if request.scenario not in ("single-stream", "offline"):
            raise LaunchError(
                f"scenario {request.scenario} is not built yet; single-stream and offline are",
                outcome="unsupported",
            )
        events.result(_launch(make, request, events))
    except LaunchError as error:
        events.failure(error)
        return 1
    except BrokenPipeError:
        sys.stderr.write("the agent is gone\n")
        return 1
    return 0


def _launch(make: Callable[[], Runtime], request: Request, events: Events) -> Dict[str, Any]:
    bare_rss = rss_bytes()
    events.phase("load", time.monotonic())
    began = clock_ns()
    try:
        runtime = make()
    except ImportError as error:
        traceback.print_exc()
        raise LaunchError(
            f"the runtime cannot be imported: {error}",
            hint="does the requirement name a package that holds this runtime, with a wheel for this board?",
        ) from error
    import_ns = clock_ns() - began
    import_rss = rss_bytes() - bare_rss
    try:
        return _measured(runtime, request, events, import_ns, import_rss)
    except (LaunchError, BrokenPipeError):
        raise
    except MemoryError as error:
        traceback.print_exc()
        raise _out_of_memory(str(error)) from error
    except Exception as error:
        traceback.print_exc()
        if "bad_alloc" in str(error) or "allocate memory" in str(error).lower():
            raise _out_of_memory(_one_line(error)) from error
        raise (runtime.explain(error) or LaunchError(_one_line(error))) from error


def _measured(runtime: Runtime, request: Request, events: Events, import_ns: int, import_rss: int) -> Dict[str, Any]:
    began = clock_ns()
    runtime.load(request)
    load_ns = clock_ns() - began
    request.refuse_unknown_options()
    inputs = list(runtime.inputs())
    golden: Optional[Golden] = None
    if request.verify and request.golden:
        golden = open_golden(request.golden, inputs, len(runtime.outputs()))

    values = [seeded(tensor, request.seed, index) for index, tensor in enumerate(inputs)]
    conversion_ns = _convert(runtime, inputs, values)
    began = clock_ns()
    invoked = runtime.invoke()
    first_ns = clock_ns() - began
    first_outputs = [np.array(output) for output in runtime.collect(invoked)]

    events.phase("warmup", time.monotonic())
    warmup_ns = int(request.max_warmup_s * 1e9)
    warmed = warm_up(runtime.invoke, warmup_ns, _progress(events, lambda count, ns: ns / max(1, warmup_ns)))

    rule = Rule(
        int(request.min_duration_s * 1e9),
        request.min_count,
        int(request.max_duration_s * 1e9),
        max(1, request.max_count),
    )
    overhead_s = loop_overhead_s()
    measure_at_s = time.monotonic()
    events.phase("measure", measure_at_s)
    series = measure(runtime.invoke, rule, _progress(events, rule.fraction))
    peak = peak_rss_bytes()
    _write_latencies(request.latencies, series.latency_ns)

    facts = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "import_s": f"{import_ns / 1e9:.4f}",
        "import_rss_bytes": str(max(0, import_rss)),
        "warmup.level": "true" if warmed.level else "false",
        "inputs": "; ".join(f"{tensor.name} {tensor.dtype} {list(tensor.shape)}" for tensor in inputs),
    }
    facts.update(runtime.facts())
    result: Dict[str, Any] = {
        "load_s": load_ns / 1e9,
        "first_inference_s": first_ns / 1e9,
        "warmup_count": warmed.inferences,
        "warmup_s": warmed.elapsed_ns / 1e9,
        "measure_started_s": measure_at_s,
        "measure_s": series.elapsed_ns / 1e9,
        "count": len(series.latency_ns),
        "peak_rss_bytes": peak,
        "conversion_s": conversion_ns / 1e9,
        "overhead_s": overhead_s,
        "facts": facts,
    }
    if request.verify:
        events.phase("verify", time.monotonic())
        result.update(_verified(runtime, request, inputs, golden, first_outputs))
    return result


def _convert(runtime: Runtime, inputs: List[Tensor], values: List[Array]) -> int:
    """Feed the inputs; the median cost of one conversion from real values to the runtime's tensors, in ns."""
    costs: List[int] = []
    while len(costs) < CONVERSION_COUNT and sum(costs) < CONVERSION_NS:
        began = clock_ns()
        runtime.feed([quantise(tensor, value) for tensor, value in zip(inputs, values)])
        costs.append(clock_ns() - began)
    return int(median(costs))


def _progress(events: Events, fraction: Callable[[int, int], float]) -> Callable[[int, int], None]:
    said = [0]

    def between(count: int, elapsed_ns: int) -> None:
        if elapsed_ns - said[0] >= PROGRESS_NS:
            said[0] = elapsed_ns
            events.progress(min(1.0, fraction(count, elapsed_ns)))

    return between


def _verified(
    runtime: Runtime, request: Request, inputs: List[Tensor], golden: Optional[Golden], first_outputs: List[Array]
) -> Dict[str, Any]:
    found: Dict[str, Any] = {"output_sha256": _digest(first_outputs, request.batch)}
    if golden is None:
        if not all(np.all(np.isfinite(output)) for output in first_outputs if output.dtype.kind == "f"):
            found["verification_detail"] = "outputs of the seeded inputs are not finite numbers"
        return found
    compared = compare(golden, _golden_outputs(runtime, request, inputs, golden), request.precision)
    found.update(
        matches=compared.matches,
        max_abs_error=compared.max_abs_error,
        top1_agreement=compared.top1_agreement,
        verification_detail=compared.detail,
    )
    return found


def _golden_outputs(runtime: Runtime, request: Request, inputs: List[Tensor], golden: Golden) -> List[Array]:
    """Outputs for every golden input, in batches of the config's size; the last one is filled up by repeating."""
    count = len(golden.inputs[0])
    gathered: List[List[Array]] = [[] for _ in golden.outputs]
    for start in range(0, count, request.batch):
        rows = np.minimum(np.arange(start, start + request.batch), count - 1)
        runtime.feed([quantise(tensor, array[rows]) for tensor, array in zip(inputs, golden.inputs)])
        outputs = runtime.collect(runtime.invoke())
        kept = min(request.batch, count - start)
        for index, (tensor, output) in enumerate(zip(runtime.outputs(), outputs)):
            if index < len(gathered):
                gathered[index].append(np.array(dequantise(tensor, output)[:kept]))
    return [np.concatenate(parts) for parts in gathered]


def _digest(outputs: List[Array], batch: int) -> str:
    """Of the outputs of the first seeded input alone, so that it does not depend on the batch."""
    digest = hashlib.sha256()
    for output in outputs:
        first = output[:1] if output.ndim and len(output) == batch else output
        digest.update(f"{first.dtype.str} {list(first.shape)} ".encode())
        digest.update(np.ascontiguousarray(first).tobytes())
    return digest.hexdigest()


def _write_latencies(path: str, latency_ns: Any) -> None:
    if sys.byteorder == "big":
        latency_ns.byteswap()
    with Path(path).open("wb") as stream:
        latency_ns.tofile(stream)


def _one_line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return f"{type(error).__name__}: {text if len(text) <= 600 else text[:600] + ' …'}"


def _out_of_memory(words: str) -> LaunchError:
    return LaunchError(
        f"the runtime ran out of memory{': ' + words if words else ''}",
        hint="a smaller batch or a smaller model, or a higher limits.memory",
    )
