"""The agent: joins a board to a farm and serves it.

It dials out, holds one stream, takes one job per credit, and writes down what it did before it says so. It needs
grpcio, protobuf and the standard library of Python 3.9; what is heavier lives in the environments of the runners.
"""

__version__ = "0.1.0"
