"""What a runner file fills in for its runtime.

load -> inputs, outputs -> feed -> invoke -> collect, again and again
"""

from abc import ABC, abstractmethod
from typing import Any, Dict, List, Optional, Sequence

from .protocol import Request
from .tensors import Array, Tensor

__all__ = ["Runtime"]


class Runtime(ABC):
    """One runtime with one model in it."""

    @abstractmethod
    def load(self, request: Request) -> None:
        """Open the model with the threads, batch and options that are asked for. Timed as `load_s`.

        Refuses (`LaunchError`) what the runtime cannot do, and whatever it would only do in another way than asked:
        another provider, fewer threads, another batch.
        """

    @abstractmethod
    def inputs(self) -> Sequence[Tensor]: ...

    @abstractmethod
    def outputs(self) -> Sequence[Tensor]:
        """In the order of `collect`. Shapes need not be known."""

    @abstractmethod
    def feed(self, values: List[Array]) -> None:
        """Put stored (already quantised) arrays in place, one per input. Timed as conversion, apart from inference."""

    @abstractmethod
    def invoke(self) -> Any:
        """One inference, complete when it returns. The only thing that is timed as latency."""

    @abstractmethod
    def collect(self, invoked: Any) -> List[Array]:
        """The outputs of what `invoke` returned, as the model stores them."""

    @abstractmethod
    def facts(self) -> Dict[str, str]:
        """What the runtime says of itself: version, providers in use, delegate, threads."""

    def explain(self, error: Exception) -> Optional[Exception]:
        """A `LaunchError` for an error of the runtime that it knows the meaning of, else None."""
        return None
