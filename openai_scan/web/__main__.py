"""`python -m openai_scan.web`."""

import sys

from openai_scan.web.commands import main

if __name__ == "__main__":
    sys.exit(main())
