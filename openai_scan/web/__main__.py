"""`python -m openai_scan.web`."""

import sys

from openai_scan.web.commands import main

sys.exit(main())
