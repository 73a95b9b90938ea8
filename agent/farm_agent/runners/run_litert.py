"""Runner for LiteRT (`ai-edge-litert`), and for the older `tflite-runtime` where LiteRT has no wheel: `.tflite` models.

Latency is `Interpreter.invoke`; writing the inputs into the interpreter's tensors is conversion and timed apart.
Options, all of them axes like any other:

    delegate: xnnpack          xnnpack, none, or the file of an external delegate: libedgetpu.so.1
    delegate_options: {}       what the external delegate takes
    resolver: builtin          builtin, reference (slow kernels to compare with)
    shapes: {}                 input name to its whole shape, where more than the batch must be set
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
import numpy as np
from harness import LaunchError, Runtime, Tensor, main

UNSUPPORTED = ("Didn't find op for builtin opcode", "unresolved custom op", "unresolved-ops", "Encountered unresolved")
NOT_A_MODEL = (
    "not a valid Flatbuffer",
    "Model provided has model identifier",
    "mmap of size 0",
    "Mmap of",
    "Could not open",
    "No subgraph in the model",
)


class LiteRt(Runtime):
    def __init__(self):
        try:
            import ai_edge_litert
            from ai_edge_litert import interpreter

            self.package, self.version = "ai-edge-litert", getattr(ai_edge_litert, "__version__", "unknown")
        except ImportError as missing:
            try:
                import tflite_runtime
                from tflite_runtime import interpreter

                self.package, self.version = "tflite-runtime", getattr(tflite_runtime, "__version__", "unknown")
            except ImportError:
                raise missing from None
        self.api = interpreter

    def load(self, request):
        self.request = request
        self.delegate = request.option("delegate", "xnnpack")
        resolver = request.option("resolver", "builtin", ["builtin", "reference"])
        delegate_options = request.option("delegate_options", {})
        kinds = self.api.OpResolverType
        external = []
        if resolver == "reference":
            kind, self.delegate = kinds.BUILTIN_REF, "none"
        elif self.delegate == "xnnpack":
            kind = kinds.BUILTIN
        else:
            kind = kinds.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            if self.delegate != "none":
                external = [self._external(delegate_options)]
        self.interpreter = self.api.Interpreter(
            model_path=request.model,
            num_threads=request.threads,
            experimental_op_resolver_type=kind,
            experimental_delegates=external,
        )
        self._resize(request)
        self.interpreter.allocate_tensors()
        self._inputs = [_tensor(detail) for detail in self.interpreter.get_input_details()]
        self._outputs = [_tensor(detail) for detail in self.interpreter.get_output_details()]
        self._check_batch(request)
        self.delegated = sum(1 for op in self.interpreter._get_ops_details() if op["op_name"] == "DELEGATE")
        if external and not self.delegated:
            raise LaunchError(
                f"the delegate {self.delegate} took no part of the model; all of it would run on the CPU",
                hint="is the model compiled for this accelerator?",
            )
        self.invoke = self.interpreter.invoke

    def _external(self, options):
        try:
            return self.api.load_delegate(self.delegate, options)
        except (OSError, ValueError) as error:
            words = " ".join(str(error).split())
            raise LaunchError(
                f"the delegate {self.delegate} cannot be loaded: {words}",
                outcome="unsupported",
                hint="is its library installed and its device plugged in on this board?",
            ) from error

    def _resize(self, request):
        shapes = request.option("shapes", {})
        details = self.interpreter.get_input_details()
        unknown = sorted(set(shapes) - {detail["name"] for detail in details})
        if unknown:
            raise LaunchError(
                f"option shapes names an input {unknown[0]} that the model does not have",
                hint=f"its inputs are {', '.join(detail['name'] for detail in details)}",
            )
        for position, detail in enumerate(details):
            now = [int(size) for size in detail["shape"]]
            signature = [int(size) for size in detail.get("shape_signature", now)]
            wanted = [int(size) for size in shapes.get(detail["name"], now)]
            # The first input leads; a state or mask beside it follows only where its first dimension is dynamic.
            if detail["name"] not in shapes and now and (position == 0 or signature[0] == -1):
                wanted[0] = request.batch
            if wanted != now:
                self.interpreter.resize_tensor_input(detail["index"], wanted)
        self.fixed = [int(detail["shape"][0]) if len(detail["shape"]) else 0 for detail in details]

    def _check_batch(self, request):
        """A model with the batch in a constant may allocate and then compute one item only."""
        before = self.fixed[0] if self.fixed else 0
        if before == request.batch or not before:
            return
        for tensor in self._outputs:
            if tensor.shape and tensor.shape[0] == before:
                raise self._fixed_batch(request, f"output {tensor.name} keeps shape {list(tensor.shape)}")

    def _fixed_batch(self, request, words):
        return LaunchError(
            f"the model cannot run with batch {request.batch}: {words}",
            outcome="unsupported",
            hint=f"ask for batch {self.fixed[0]}, or convert the model with a dynamic first dimension",
        )

    def inputs(self):
        return self._inputs

    def outputs(self):
        return self._outputs

    def feed(self, values):
        for detail, value in zip(self.interpreter.get_input_details(), values):
            self.interpreter.set_tensor(detail["index"], value)

    def invoke(self):
        raise RuntimeError("load comes before invoke")

    def collect(self, invoked):
        return [self.interpreter.get_tensor(detail["index"]) for detail in self.interpreter.get_output_details()]

    def facts(self):
        return {
            self.package: self.version,
            "delegate": self.delegate if self.delegated else "none",
            "delegate.partitions": str(self.delegated),
            "threads": str(self.request.threads),
        }

    def explain(self, error):
        words = " ".join(str(error).split())
        if any(sign in words for sign in UNSUPPORTED):
            return LaunchError(
                f"{self.package} {self.version} cannot run this model: {words[:400]}",
                outcome="unsupported",
                hint="the model was converted for a newer runtime, or needs a delegate for its custom operators",
            )
        if any(sign in words for sign in NOT_A_MODEL):
            return LaunchError(
                f"the file is not a whole TFLite model: {words[:400]}",
                hint="it may be truncated, a Git LFS pointer or another format",
            )
        allocating = hasattr(self, "fixed") and not hasattr(self, "_inputs")
        if allocating and self.fixed and self.fixed[0] != self.request.batch:
            return self._fixed_batch(self.request, words[:400])
        return None


def _tensor(detail):
    scale, zero_point = detail["quantization"]
    shape = tuple(int(size) for size in detail["shape"])
    return Tensor(detail["name"], np.dtype(detail["dtype"]).name, shape, float(scale), int(zero_point))


if __name__ == "__main__":
    sys.exit(main(LiteRt))
