"""python -m distill_core"""

import sys

from distill_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
