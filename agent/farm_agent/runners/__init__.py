"""Runners: small programs that drive one inference runtime each and write down what they saw.

A runner is a subprocess in its own environment, so that a segfault, an endless loop or a gigabyte too much costs one
attempt and not the agent. `catalog.py` says which there are; `run_*.py` are the programs; `harness/` is what they
share; `command.py` understands any other executable. The contract is written down in docs/adding-a-runner.md.

Nothing in `run_*.py` or `harness/` is imported by the agent: they need numpy, which only their environments have.
"""
