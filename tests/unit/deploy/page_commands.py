"""What is wrong with commands and settings of a page that need a cluster, Docker or systemd, by their form alone."""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import yaml

from tests.unit.deploy.manifests import of_kind, ours
from tests.unit.deploy.stands import DEPLOY, ROOT, known_settings
from waterclock.cli.main import main

OVERLAY = "overlays/production"
OWN_SETTINGS = {"BOOKS_TOKEN", "SHOP_TOKEN_FILE"}
"""Variables that pages make up for executors of the reader's own."""
_OURS = re.compile(r"(?:^|[\s/(])waterclock (?=[a-z-])(.*)", re.MULTILINE)


def complaints(text: str, language: str) -> list[str]:
    """What is wrong with a block; empty when nothing is."""
    found = list(_paths(text))
    if language == "sh":
        for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines():
            found += [*_verbs(line), *_units(line), *_docker(line), *_kubectl(line)]
    else:
        found += [*_settings(text), *_credentials(text)]
    return found


def _paths(text: str) -> Iterator[str]:
    for path in re.findall(r"(?<![\w/.-])deploy/[\w./*@-]+", text):
        if not list(ROOT.glob(path)) and path not in {"deploy/operator", "deploy/notifier"}:
            yield f"there is no {path}"


def _verbs(line: str) -> Iterator[str]:
    """Commands of ours: also in a pod, in a container of compose, and of an image."""
    line = re.sub(r"\s#.*", "", line)
    if "kubectl " in line:
        found = re.findall(r"-- waterclock (.*)", line)
    else:
        found = _OURS.findall(line) if not line.startswith("docker") else []
    found += re.findall(r"compose\.yaml run --rm (?:-T )?migrate (.*)", line)
    found += re.findall(r"docker run .*waterclock-\w+ (.*)", line)
    for words in found:
        yield from _not_taken(shlex.split(words.rstrip(')"').replace("$name", "name")))


def _not_taken(words: list[str]) -> Iterator[str]:
    command: click.Command = main
    context = click.Context(main)
    while isinstance(command, click.Group) and words:
        inner = command.get_command(context, words[0])
        if inner is None:
            yield f"waterclock has no command {words[0]!r}"
            return
        command, context, words = inner, click.Context(inner, parent=context), words[1:]
    try:
        command.make_parser(context).parse_args(list(words))
    except click.UsageError as error:
        yield error.format_message()


def _units(line: str) -> Iterator[str]:
    there = {unit.stem for unit in (DEPLOY / "systemd").glob("*.service")}
    if line.startswith("systemctl"):
        for unit in re.findall(r"waterclock-[\w@.]+", line):
            if re.sub(r"(?<=@)\w*", "", unit.removesuffix(".service")) not in there:
                yield f"there is no unit {unit}"


@functools.cache
def _compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def _docker(line: str) -> Iterator[str]:
    services = {path.parent.name for path in ROOT.glob("services/*/pyproject.toml")}
    stages = set(re.findall(r"^FROM .* AS ([\w-]+)$", (DEPLOY / "Dockerfile").read_text(), re.MULTILINE))
    for argument, value in re.findall(r"--build-arg (\w+)=(\S+)", line):
        if f"ARG {argument}" not in (DEPLOY / "Dockerfile").read_text():
            yield f"the Dockerfile has no argument {argument}"
        if argument == "SERVICE" and value not in {*services, "$service"}:
            yield f"there is no service {value}"
    for stage in re.findall(r"--target (\S+)", line):
        if stage not in stages:
            yield f"the Dockerfile has no stage {stage}"
    for words in re.findall(r"compose\.yaml (?:run --rm(?: -T)?|exec) (\S+)", line):
        if words not in _compose():
            yield f"compose.yaml has no service {words}"


def _kubectl(line: str) -> Iterator[str]:
    kinds = {"deploy": "Deployment", "job": "Job", "namespace": "Namespace"}
    for kind, name in re.findall(r"\b(deploy|job)[/ ](?!k8s)(\w[\w-]*)", line if "kubectl" in line else ""):
        if name not in {one["metadata"]["name"] for one in of_kind(OVERLAY, kinds[kind])}:
            yield f"there is no {kind} {name}"
    for component in re.findall(r"component=(\w+)", line):
        labels = [one["metadata"].get("labels", {}) for one in of_kind(OVERLAY, "Deployment", "Job")]
        if component not in {one.get("app.kubernetes.io/component") for one in labels}:
            yield f"nothing is labelled as component {component}"
    for secret in re.findall(r"secret generic (\S+)", line):
        yield from _secret(secret, set(re.findall(r"--from-literal=([\w-]+)=", line)))


def _secret(name: str, keys: set[str]) -> Iterator[str]:
    if name in _secrets_of_any_keys():
        return
    for each in ("waterclock-keda", "waterclock-prometheus") if name == "waterclock-$name" else (name,):
        wanted = _secrets_wanted().get(each)
        if wanted is None:
            yield f"nothing reads a secret {each}"
        elif wanted != keys and keys:
            yield f"of secret {each} these keys are read: {', '.join(sorted(wanted))}"


@functools.cache
def _secrets_of_any_keys() -> set[str]:
    """Secrets that are an environment as they are."""
    sources = [one for each in ours(OVERLAY).values() for one in each["spec"]["containers"][0].get("envFrom", [])]
    return {one["secretRef"]["name"] for one in sources if "secretRef" in one}


@functools.cache
def _secrets_wanted() -> dict[str, set[str]]:
    """The keys that are read of each Secret."""
    found: dict[str, set[str]] = {}
    for template in ours(OVERLAY).values():
        for one in template["spec"]["containers"][0].get("env", []):
            reference = one.get("valueFrom", {}).get("secretKeyRef")
            if reference is not None:
                found.setdefault(reference["name"], set()).add(reference["key"])
    for one in of_kind(OVERLAY, "TriggerAuthentication"):
        for target in one["spec"]["secretTargetRef"]:
            found.setdefault(target["name"], set()).add(target["key"])
    for one in of_kind(OVERLAY, "PodMonitor"):
        for endpoint in one["spec"]["podMetricsEndpoints"]:
            if "authorization" in endpoint:
                reference = endpoint["authorization"]["credentials"]
                found.setdefault(reference["name"], set()).add(reference["key"])
    return found


def _settings(text: str) -> Iterator[str]:
    for name in re.findall(r"^(?:Environment=)?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE):
        if name.removesuffix("_FILE") not in known_settings() and name not in OWN_SETTINGS:
            yield f"there is no setting {name}"


def _credentials(text: str) -> Iterator[str]:
    for name, path in re.findall(r"^LoadCredential=([^:]+):(.+)$", text, re.MULTILINE):
        used = f"%d/{name}" in text or re.search(
            rf"file:/run/credentials/waterclock-\w+\.service/{name}$", text, re.MULTILINE
        )
        if Path(path).parent != Path("/etc/waterclock/credentials") or not used:
            yield f"{name} lies in no file that the page names, or is not used"
