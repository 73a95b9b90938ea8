"""`python -m farm_agent` is `farm-agent`."""

from __future__ import annotations

import sys

from farm_agent.cli import main

if __name__ == "__main__":
    sys.exit(main())
