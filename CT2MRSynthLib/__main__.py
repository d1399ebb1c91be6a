"""``python -m CT2MRSynthLib`` is the console command ``ct2mrsynth``."""

import sys

from CT2MRSynthLib.cli import main

if __name__ == "__main__":
    sys.exit(main())
