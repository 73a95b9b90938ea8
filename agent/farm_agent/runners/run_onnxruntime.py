"""Runner for ONNX Runtime: `.onnx` models.

Latency is `InferenceSession.run` from the numpy inputs to the numpy outputs. `threads` are the intra-op threads; the
inter-op pool has one. Options, all of them axes like any other:

    providers: [CPUExecutionProvider]     in order; one that does not take part fails the job
    provider_options: {}                  provider name to its options
    graph_optimization: all               disable, basic, extended, layout, all
    execution_mode: sequential            sequential, parallel
    memory_arena: true
    memory_pattern: true
    session: {}                           configuration entries: {session.intra_op.allow_spinning: "0"}
    shapes: {}                            input name to its whole shape, where more than the batch is dynamic
"""

import sys
from functools import partial
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent))
from harness import LaunchError, Runtime, Tensor, main

GRAPH_LEVELS = {
    "disable": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
ELEMENT_TYPES = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(int16)": "int16",
    "tensor(uint16)": "uint16",
    "tensor(int32)": "int32",
    "tensor(uint32)": "uint32",
    "tensor(int64)": "int64",
    "tensor(uint64)": "uint64",
    "tensor(bool)": "bool",
}
# What ONNX Runtime says of a model that it could not run anywhere, and of a file that is none.
UNSUPPORTED = (
    "No Op registered",
    "is not a registered function/op",
    "Could not find an implementation",
    "Unsupported model IR version",
    "only *guarantees* support",
    "NOT_IMPLEMENTED",
)
NOT_A_MODEL = ("INVALID_PROTOBUF", "No graph was found", "does not have a graph", "NO_SUCHFILE")


class OnnxRuntime(Runtime):
    def __init__(self):
        import onnxruntime

        self.ort = onnxruntime

    def load(self, request):
        # No default: what is asked for must be there (ONNX Runtime itself falls back to the CPU with a warning).
        self.asked = request.option("providers", ["CPUExecutionProvider"])
        available = self.ort.get_available_providers()
        missing = [name for name in self.asked if name not in available]
        if missing or not self.asked:
            raise LaunchError(
                f"this build of ONNX Runtime has no {' and no '.join(missing) or 'provider to run on'}",
                outcome="unsupported",
                hint=f"it has {', '.join(available)}; another wheel, such as onnxruntime-gpu, may have more",
            )
        provider_options = request.option("provider_options", {})
        self.session = self.ort.InferenceSession(
            request.model,
            self._session_options(request),
            providers=self.asked,
            provider_options=[provider_options.get(name, {}) for name in self.asked],
        )
        taking_part = self.session.get_providers()
        silent = [name for name in self.asked if name not in taking_part]
        if silent:
            raise LaunchError(
                f"{', '.join(silent)} was asked for but ONNX Runtime took {', '.join(taking_part)} instead",
                hint="the log says why the provider could not start; without it the number would be another thing's",
            )
        self._inputs = self._shape_inputs(request)
        self._outputs = [
            Tensor(node.name, ELEMENT_TYPES.get(node.type, "float32"), ()) for node in self.session.get_outputs()
        ]

    def _session_options(self, request):
        options = self.ort.SessionOptions()
        options.intra_op_num_threads = self.threads = request.threads
        options.inter_op_num_threads = 1
        level = request.option("graph_optimization", "all", sorted(GRAPH_LEVELS))
        name = GRAPH_LEVELS[level]
        if not hasattr(self.ort.GraphOptimizationLevel, name):
            raise LaunchError(
                f"ONNX Runtime {self.ort.__version__} has no graph optimization {level}",
                outcome="unsupported",
            )
        options.graph_optimization_level = getattr(self.ort.GraphOptimizationLevel, name)
        mode = request.option("execution_mode", "sequential", ["sequential", "parallel"])
        options.execution_mode = getattr(self.ort.ExecutionMode, "ORT_" + mode.upper())
        options.enable_cpu_mem_arena = request.option("memory_arena", True)
        options.enable_mem_pattern = request.option("memory_pattern", True)
        for key, value in sorted(request.option("session", {}).items()):
            options.add_session_config_entry(key, str(value))
        return options

    def _shape_inputs(self, request):
        shapes = request.option("shapes", {})
        nodes = self.session.get_inputs()
        unknown = sorted(set(shapes) - {node.name for node in nodes})
        if unknown:
            raise LaunchError(
                f"option shapes names an input {unknown[0]} that the model does not have",
                hint=f"its inputs are {', '.join(node.name for node in nodes)}",
            )
        leading = nodes[0].shape[0] if nodes and nodes[0].shape else None
        if isinstance(leading, int) and leading != request.batch and nodes[0].name not in shapes:
            raise LaunchError(
                f"the model was made for batch {leading} and cannot run with batch {request.batch}",
                outcome="unsupported",
                hint="ask for that batch, or export the model with a dynamic first dimension",
            )
        tensors = []
        for node in nodes:
            if node.type not in ELEMENT_TYPES:
                raise LaunchError(
                    f"input {node.name} is a {node.type}; only tensors of numbers can be fed",
                    outcome="unsupported",
                )
            tensors.append(
                Tensor(
                    node.name, ELEMENT_TYPES[node.type], tuple(shapes.get(node.name) or _fill(node, leading, request))
                )
            )
        return tensors

    def inputs(self):
        return self._inputs

    def outputs(self):
        return self._outputs

    def feed(self, values):
        fed = {tensor.name: value for tensor, value in zip(self._inputs, values)}
        self.invoke = partial(self.session.run, None, fed)

    def invoke(self):
        raise RuntimeError("feed comes before invoke")

    def collect(self, invoked):
        return invoked

    def facts(self):
        return {
            "onnxruntime": self.ort.__version__,
            "providers": ", ".join(self.session.get_providers()),
            "threads.intra_op": str(self.session.get_session_options().intra_op_num_threads),
            "threads.inter_op": "1",
        }

    def explain(self, error):
        words = " ".join(str(error).split())
        if any(sign in words for sign in UNSUPPORTED):
            return LaunchError(
                f"ONNX Runtime {self.ort.__version__} cannot run this model: {words[:400]}",
                outcome="unsupported",
                hint="a newer release may know the operator, or the model can be exported for an older opset",
            )
        if any(sign in words for sign in NOT_A_MODEL):
            return LaunchError(
                f"the file is not a whole ONNX model: {words[:400]}",
                hint="it may be truncated, a Git LFS pointer or another format",
            )
        return None


def _fill(node, leading, request):
    """The batch wherever the name of the first input's first dimension stands; any other dynamic one must be said."""
    shape = []
    for position, size in enumerate(node.shape):
        if isinstance(size, int):
            shape.append(size)
        elif position == 0 or (size is not None and size == leading):
            shape.append(request.batch)
        else:
            raise LaunchError(
                f"input {node.name} has shape {node.shape}; only the batch is known",
                hint=f"say the whole shape with the option `shapes: {{{node.name}: [...]}}`",
            )
    return shape


if __name__ == "__main__":
    sys.exit(main(OnnxRuntime))
