"""Commands of the pages that need a cluster, Docker or systemd: what they name is there, and is called so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.pages import Block, blocks, pages
from tests.support.repository import ROOT
from tests.unit.deploy.page_commands import complaints

NAMED = str(Path(__file__).relative_to(ROOT))
BLOCKS = [
    pytest.param(block, id=f"{page.stem}-{number}")
    for page in pages()
    for number, block in enumerate(blocks(page))
    if block.test.startswith(f"by form, {NAMED}")
]


@pytest.mark.parametrize("block", BLOCKS)
def test_what_a_block_names_is_there(block: Block) -> None:
    assert complaints(block.text, block.language) == []


def test_blocks_of_each_kind_are_looked_at() -> None:
    shown = "".join(block.text for page in pages() for block in blocks(page) if NAMED in block.test)

    for word in ("systemctl", "docker build", "compose.yaml", "kubectl", "LoadCredential", "WATERCLOCK_"):
        assert word in shown


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("sh deploy/compose/secret.sh", "sh", "there is no deploy/compose/secret.sh"),
        ("/opt/waterclock/bin/waterclock migrat", "sh", "waterclock has no command 'migrat'"),
        ("waterclock key create --nam x", "sh", "--nam"),
        ("systemctl stop waterclock-workers@1", "sh", "there is no unit waterclock-workers@1"),
        ("docker build --build-arg SERVICE=apis .", "sh", "there is no service apis"),
        ("docker build --target bom .", "sh", "no stage bom"),
        ("docker compose -f deploy/compose.yaml run --rm migration doctor", "sh", "no service migration"),
        ("docker compose -f deploy/compose.yaml run --rm migrate doktor", "sh", "no command 'doktor'"),
        ("kubectl scale deploy/operators --replicas=1", "sh", "no deploy operators"),
        ("kubectl apply -f release.yaml -l app.kubernetes.io/component=migration", "sh", "component migration"),
        ("kubectl create secret generic waterclock-redi --from-literal=api=x", "sh", "secret waterclock-redi"),
        ("kubectl create secret generic waterclock-redis --from-literal=api=x", "sh", "these keys are read"),
        ("kubectl exec deploy/operator -- waterclock key make", "sh", "no command 'make'"),
        ("WATERCLOCK_HOSTS=10.0.0.5", "ini", "there is no setting WATERCLOCK_HOSTS"),
        (
            "LoadCredential=a:/etc/waterclock/credentials/a\nEnvironment=SHOP_TOKEN_FILE=%d/b",
            "ini",
            "a lies in no file",
        ),
    ],
)
def test_what_is_not_there_is_found(text: str, language: str, expected: str) -> None:
    assert expected in "\n".join(complaints(text, language))
