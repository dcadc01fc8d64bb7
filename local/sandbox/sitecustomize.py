"""Gives each function process its own temporary folder, as on AWS. Python reads it at the start of each."""

import os
from pathlib import Path

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    own = Path.cwd().parent / "tmp"
    own.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = str(own)
