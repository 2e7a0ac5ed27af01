"""`python -m openai_scan`."""

import sys

from openai_scan.cli import main

sys.exit(main())
