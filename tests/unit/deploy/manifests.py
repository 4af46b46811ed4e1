"""What kustomize makes of `deploy/k8s`, by the real kubectl of the locked toolchain."""

import functools
import subprocess
from collections.abc import Iterator
from typing import Any

import yaml

from tests.unit.deploy.stands import DEPLOY, program

Manifest = dict[str, Any]

KUSTOMIZATIONS = ("overlays/dev", "overlays/production")
"""Between them they hold all that the base says."""


@functools.cache
def rendered(kustomization: str) -> tuple[Manifest, ...]:
    asked = [program("kubectl"), "kustomize", DEPLOY / "k8s" / kustomization]
    answer = subprocess.run(asked, capture_output=True, check=False, timeout=60)
    assert answer.returncode == 0, answer.stderr.decode()
    assert b"Warning" not in answer.stderr, answer.stderr.decode()
    return tuple(yaml.safe_load_all(answer.stdout))


def of_kind(kustomization: str, *kinds: str) -> list[Manifest]:
    return [one for one in rendered(kustomization) if one["kind"] in kinds]


def named(kustomization: str, kind: str) -> dict[str, Manifest]:
    return {one["metadata"]["name"]: one for one in of_kind(kustomization, kind)}


def pods(kustomization: str) -> Iterator[tuple[str, Manifest]]:
    """Each pod's template, with the name of what makes it."""
    for one in of_kind(kustomization, "Deployment", "Job"):
        yield one["metadata"]["name"], one["spec"]["template"]


def ours(kustomization: str) -> dict[str, Manifest]:
    """The pods' templates that are Waterclock's own."""
    return {
        name: template
        for name, template in pods(kustomization)
        if template["metadata"]["labels"]["app.kubernetes.io/name"] == "waterclock"
    }


def environment(kustomization: str, template: Manifest) -> dict[str, str]:
    """What a process of the pod is told; a secret reads as its own reference."""
    configured = named(kustomization, "ConfigMap")
    container = template["spec"]["containers"][0]
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        if "configMapRef" in source:
            found |= configured[source["configMapRef"]["name"]]["data"]
    for one in container["env"]:
        found[one["name"]] = one["value"] if "value" in one else _referred(one["valueFrom"], template)
    return found


def _referred(source: Manifest, template: Manifest) -> str:
    match source:
        case {"secretKeyRef": {"name": str(name), "key": str(key)}}:
            return f"secret://{name}/{key}"
        case {"fieldRef": {"fieldPath": str(path)}}:
            label = path.removeprefix("metadata.labels['").removesuffix("']")
            return template["metadata"]["labels"][label]
        case _:
            raise AssertionError(source)
