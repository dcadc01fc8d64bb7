"""Every command of the guides works as it stands."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from local.deployment import stack_outputs
from local.state import ROOT, aws_environment

if TYPE_CHECKING:
    from pathlib import Path

    from local.state import Stack

GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_the_commands_of_a_guide_work_in_their_order(guide: Path, stack: Stack, tmp_path: Path) -> None:
    commands = re.findall(r"^```sh\n(.*?)^```", guide.read_text(), re.MULTILINE | re.DOTALL)
    assert commands
    outputs = stack_outputs(stack.endpoint_url)
    environment = aws_environment(stack.endpoint_url) | {
        "API": stack.api_url,
        "PK": stack.publishable_key,
        "SK": stack.secret_key,
        "ACCESS_TABLE": outputs["AccessTable"],
        "GALLERIES_TABLE": outputs["GalleriesTable"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/vitrine'}",
        "TMPDIR": str(tmp_path),
    }
    script = STRICT + "".join(commands).replace("/tmp/", f"{tmp_path}/")
    done = subprocess.run(
        ["bash", "-c", script], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
