"""Entry point of `python -m kneewise`."""

import sys

from kneewise.cli import main

sys.exit(main())
