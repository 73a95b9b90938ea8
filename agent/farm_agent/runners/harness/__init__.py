"""What every runner does, written once: read the request, warm up, measure, verify, say so.

A runner file holds only what is particular to its runtime, a `Runtime`, and ends with `sys.exit(main(MyRuntime))`.
This folder lies beside the runner files and is found by its path, because a runner starts as
`python -I run_x.py request.json` in an environment that knows no `farm_agent`:

    sys.path.append(str(Path(__file__).resolve().parent))
    from harness import Runtime, main

Everything in here keeps to the syntax of Python 3.6, the standard library and numpy: boards that are still sold carry
such an interpreter (JetPack 4: 3.6, Mendel: 3.7).

    protocol.py   the request, the events on stdout, and `LaunchError`
    tensors.py    what a model takes and gives; seeded inputs; quantising
    loop.py       the measuring loop and its own cost
    warmup.py     when a series is level
    golden.py     comparing with reference outputs
    memory.py     peak resident memory of this process
    runtime.py    what a runner file fills in
    launch.py     one launch from its request to its result
"""

from .launch import main
from .protocol import LaunchError, Request
from .runtime import Runtime
from .tensors import Tensor

__all__ = ["LaunchError", "Request", "Runtime", "Tensor", "main"]
