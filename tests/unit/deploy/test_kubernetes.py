"""deploy/k8s: valid for three releases of Kubernetes, and true to what the code asks for. No cluster is needed."""

import base64
import json
import os
import re
from collections import Counter
from importlib.metadata import entry_points
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import kubernetes_validate
import msgspec
import pytest
import yaml

from tests.unit.deploy.manifests import KUSTOMIZATIONS, environment, named, of_kind, ours, pods, rendered
from tests.unit.deploy.stands import ROOT, archive_roles, known_settings, log_users
from waterclock.client.environment import CallerSettings
from waterclock.kit.settings import RedisSettings, TelemetrySettings, read
from waterclock.model.notices.rule_file import read_rules
from waterclock_api.access.proxies import trusted_networks
from waterclock_api.http.gateway import path_prefix
from waterclock_api.http.server import GRACE
from waterclock_api.notifier.delivery.channels import read_channels
from waterclock_api.notifier.delivery.sender import DEADLINE
from waterclock_api.schemas.requests import QueuesQuery
from waterclock_api.schemas.responses import Queue, Queues
from waterclock_api.settings import ApiSettings, MigrateSettings, NotifierSettings, ProjectorSettings, StoreSettings
from waterclock_scheduler.main import SchedulerSettings
from waterclock_worker.settings import WorkerSettings
from waterclock_worker.worker import FAREWELL, STOPPING

PAGE = ROOT / "docs/reference/deployment.md"
RELEASES = ("1.35", "1.36", "1.37")
FOREIGN = {
    path.stem: json.loads(path.read_text())
    for folder in ("keda", "prometheus-operator", "gateway-api")
    for path in (ROOT / "tests/golden" / folder).glob("*.json")
}
"""Schemas of what Kubernetes itself does not know."""
QUEUES = ("critical", "default", "low")
SETTINGS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "migrate": (MigrateSettings, StoreSettings),
    "api": (ApiSettings, StoreSettings),
    "projector": (ProjectorSettings, StoreSettings),
    "scheduler": (SchedulerSettings,),
    "worker": (WorkerSettings,),
    "notifier": (NotifierSettings, StoreSettings),
    "operator": (MigrateSettings, StoreSettings),
}
BY_HAND = {"migrate", "operator"}
"""Those that serve nobody."""
USERS = {
    "migrate": ("operator", "owner"),
    "operator": ("operator", "owner"),
    "api": ("api", "api"),
    "projector": ("projector", "projector"),
    "scheduler": ("scheduler", None),
    "worker": ("worker", None),
    "notifier": ("notifier", "notifier"),
}
"""Who each is at the log and at Postgres."""
everywhere = pytest.mark.parametrize("where", KUSTOMIZATIONS)


@everywhere
@pytest.mark.parametrize("release", RELEASES)
def test_every_manifest_is_one_that_kubernetes_takes(where: str, release: str) -> None:
    foreign: list[str] = []
    for manifest in rendered(where):
        if manifest["kind"] in FOREIGN:
            jsonschema.validate(manifest, FOREIGN[manifest["kind"]])
            foreign.append(manifest["kind"])
        else:
            kubernetes_validate.validate(manifest, release, strict=True)

    expected = (
        {"ScaledObject": 3, "TriggerAuthentication": 1, "PodMonitor": 2} if where == "overlays/production" else {}
    )
    assert Counter(foreign) == expected


def test_a_field_that_kubernetes_does_not_know_is_refused() -> None:
    deployment = json.loads(json.dumps(named("base", "Deployment")["api"]))
    deployment["spec"]["template"]["spec"]["enableServiceLink"] = False

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, RELEASES[-1], strict=True)


@everywhere
def test_every_pod_keeps_to_the_restricted_standard(where: str) -> None:
    for name, template in pods(where):
        pod = template["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True, name
        assert pod["securityContext"]["runAsUser"] > 0, name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert pod["automountServiceAccountToken"] is False, name
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), name
            assert set(container["resources"]["limits"]) == {"memory"}, name
    labels = named(where, "Namespace")["waterclock"]["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


@everywhere
def test_no_service_of_the_namespace_can_speak_by_our_settings(where: str) -> None:
    assert all(template["spec"]["enableServiceLinks"] is False for _, template in pods(where))


@everywhere
def test_each_process_can_read_its_settings(where: str) -> None:
    for name, template in ours(where).items():
        given = environment(where, template)
        assert set(given) <= known_settings(), name
        if name == "notifier":
            assert read(CallerSettings, given).api_url == "http://api.waterclock.svc:8080"
        for kind in (RedisSettings, TelemetrySettings, *SETTINGS[name.partition("-")[0]]):
            read(kind, given)


def test_the_certificates_of_the_stores_are_in_each_pod_of_production() -> None:
    for name, template in ours("overlays/production").items():
        pod = template["spec"]
        (volume,) = (one for one in pod["volumes"] if one["name"] == "store-tls")
        assert volume["secret"] == {"secretName": "waterclock-store-tls", "optional": True, "defaultMode": 0o440}, name
        (container,) = pod["containers"]
        (mount,) = (one for one in container["volumeMounts"] if one["name"] == "store-tls")
        assert mount == {"name": "store-tls", "mountPath": "/etc/waterclock/tls", "readOnly": True}, name


@everywhere
def test_only_those_who_write_the_archive_know_where_it_is(where: str) -> None:
    told = {name for name, template in ours(where).items() if "WATERCLOCK_POSTGRES_URL" in environment(where, template)}

    assert told == {"migrate", "operator", "api", "projector", "notifier"}


@everywhere
def test_each_pod_is_a_user_of_its_own_at_each_store(where: str) -> None:
    for name, template in ours(where).items():
        given = environment(where, template)
        user, role = USERS[name.partition("-")[0]]
        assert f"waterclock-{user}" in log_users()
        assert _secret(given["WATERCLOCK_REDIS_URL"]) == ("waterclock-redis", user), name
        if role is not None:
            assert f"waterclock_{role}" in archive_roles()
            assert _secret(given["WATERCLOCK_POSTGRES_URL"]) == ("waterclock-postgres", role), name


def _secret(reference: str) -> tuple[str, str]:
    """Its name without the hash of its content, and the key."""
    _, _, secret, key = reference.split("/")
    return re.sub(r"-[a-z0-9]{10}$", "", secret), key


def test_nobody_is_there_to_change_things_by_hand_until_somebody_wants_it() -> None:
    assert all(named(where, "Deployment")["operator"]["spec"]["replicas"] == 0 for where in KUSTOMIZATIONS)


@everywhere
def test_the_image_knows_the_verb(where: str) -> None:
    verbs = {one.name: one.dist.name for one in entry_points(group="waterclock.commands") if one.dist is not None}
    for name, template in ours(where).items():
        (container,) = template["spec"]["containers"]
        image = container["image"].rpartition("/")[2].partition("@")[0].partition(":")[0]
        if name == "operator":
            assert (container["command"], image) == (["sleep", "infinity"], "waterclock-api")
            continue
        assert container["args"] == [name.partition("-")[0]]
        assert verbs[container["args"][0]] == image


@everywhere
def test_probes_ask_where_the_process_answers(where: str) -> None:
    for name, template in ours(where).items():
        if name in BY_HAND:
            continue
        (container,) = template["spec"]["containers"]
        given = environment(where, template)
        served = read(ApiSettings, given).port if name == "api" else int(given["WATERCLOCK_HEALTH_PORT"])
        (port,) = container["ports"]
        assert port["containerPort"] == served, name
        assert given["WATERCLOCK_HOST"] == "0.0.0.0", name
        asked = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {kind: get["path"] for kind, get in asked.items()} == {
            "startup": "/livez",
            "liveness": "/livez",
            "readiness": "/readyz",
        }, name
        assert {get["port"] for get in asked.values()} == {port["name"]}, name


@everywhere
def test_a_worker_is_given_the_time_that_its_drain_takes(where: str) -> None:
    workers = {name: template for name, template in ours(where).items() if name.startswith("worker")}

    assert set(workers) == {f"worker-{queue}" for queue in QUEUES}
    for template in workers.values():
        drain = read(WorkerSettings, environment(where, template)).drain_timeout
        assert template["spec"]["terminationGracePeriodSeconds"] >= drain + STOPPING + FAREWELL + 5


@everywhere
def test_the_api_is_given_the_time_that_its_end_takes(where: str) -> None:
    pod = ours(where)["api"]["spec"]
    (container,) = pod["containers"]
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]

    assert pod["terminationGracePeriodSeconds"] >= before + GRACE + 5


@everywhere
def test_a_notifier_is_given_the_time_that_a_message_takes(where: str) -> None:
    assert ours(where)["notifier"]["spec"]["terminationGracePeriodSeconds"] >= DEADLINE + 5


@everywhere
def test_notifiers_read_a_file_that_is_laid_there(where: str, tmp_path: Path) -> None:
    template = ours(where)["notifier"]
    path = Path(read(NotifierSettings, environment(where, template)).notices)
    (container,) = template["spec"]["containers"]
    (mount,) = (one for one in container["volumeMounts"] if one["mountPath"] == str(path.parent))
    (volume,) = (one for one in template["spec"]["volumes"] if one["name"] == mount["name"])
    laid = named(where, "ConfigMap")[volume["configMap"]["name"]]["data"]

    assert laid.keys() == {path.name}
    rules = read_rules(yaml.safe_load(laid[path.name]))
    assert (rules.channels, rules.rules) == ({}, ())
    commented = read_rules(yaml.safe_load(_with_its_examples(laid[path.name])))
    assert read_channels(commented.channels).keys() == {"oncall"}


def _with_its_examples(text: str) -> str:
    return re.sub(r"^(\w+): (\{\}|\[\])$", r"\1:", text, flags=re.MULTILINE).replace("\n#  ", "\n  ")


@everywhere
def test_messages_link_to_where_people_reach_the_api(where: str) -> None:
    given = environment(where, ours(where)["notifier"])
    ingress = named(where, "Ingress").get("api")
    url = urlsplit(read(NotifierSettings, given).public_url or "")

    if ingress is None:
        assert (url.hostname, url.port) == ("localhost", 8080)
    else:
        (rule,) = ingress["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        assert url.geturl() == f"https://{rule['host']}{path['path']}"
        assert url.path == read(ApiSettings, given).path_prefix


@everywhere
def test_every_queue_has_a_worker_that_takes_from_it_alone(where: str) -> None:
    told = read(MigrateSettings, environment(where, ours(where)["migrate"])).queue_weights

    assert {weight.partition("=")[0] for weight in told} == set(QUEUES)
    for queue in QUEUES:
        settings = read(WorkerSettings, environment(where, ours(where)[f"worker-{queue}"]))
        assert settings.queues == (queue,)


@everywhere
def test_what_watches_over_pods_finds_them(where: str) -> None:
    templates = ours(where)
    budgets = named(where, "PodDisruptionBudget")
    for name, deployment in named(where, "Deployment").items():
        assert deployment["spec"]["selector"]["matchLabels"].items() <= _labels(deployment["spec"]["template"]).items()
        if name not in templates or name in BY_HAND:
            continue
        chosen = budgets[name]["spec"]["selector"]["matchLabels"].items()
        assert [other for other, template in templates.items() if chosen <= _labels(template).items()] == [name]
        for spread in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"].items() <= _labels(templates[name]).items()
    (service,) = (one for one in of_kind(where, "Service") if one["metadata"]["name"] == "api")
    assert service["spec"]["selector"].items() <= _labels(templates["api"]).items()
    assert named(where, "HorizontalPodAutoscaler")["api"]["spec"]["scaleTargetRef"]["name"] == "api"
    assert "replicas" not in named(where, "Deployment")["api"]["spec"]


@everywhere
def test_nothing_is_let_in_or_out_unless_it_is_named(where: str) -> None:
    policies = named(where, "NetworkPolicy")

    assert policies["default-deny"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert _reaching(where, "archive") == {"migrate", "operator", "api", "projector", "notifier"}
    assert _reaching(where, "log") == set(ours(where))
    assert _reaching(where, "executors") == {f"worker-{queue}" for queue in QUEUES}
    assert _reaching(where, "channels") == {"notifier"}
    assert _reaching(where, "breaker") == {"notifier"}
    (rule,) = policies["breaker"]["spec"]["egress"]
    (to,) = rule["to"]
    assert {name for name, template in ours(where).items() if _chosen(to["podSelector"], template)} == {"api"}
    (caller,) = (one for one in policies["api"]["spec"]["ingress"][0]["from"] if "podSelector" in one)
    assert {name for name, template in ours(where).items() if _chosen(caller["podSelector"], template)} == {"notifier"}
    for rule in (one for name in ("executors", "channels") for one in policies[name]["spec"]["egress"]):
        assert rule["to"] == [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}}]


def test_ways_out_can_end_at_the_operators_own_stores(tmp_path: Path) -> None:
    k8s = os.path.relpath(ROOT / "deploy/k8s", tmp_path.resolve())
    own = {"resources": [f"{k8s}/overlays/production"], "components": [f"{k8s}/components/egress"]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(own))
    where, before = str(tmp_path), "overlays/production"
    policies = named(where, "NetworkPolicy")

    assert policies.keys() == named(before, "NetworkPolicy").keys()
    for name in ("log", "archive", "executors", "channels"):
        assert _reaching(where, name) == _reaching(before, name)
        assert policies[name]["spec"]["policyTypes"] == ["Egress"]
    out = [rule for policy in policies.values() for rule in policy["spec"].get("egress", [])]
    blocks = [ip_network(to["ipBlock"]["cidr"]) for rule in out for to in rule["to"] if "ipBlock" in to]
    assert len(blocks) == 7
    assert min(block.prefixlen for block in blocks) >= 24  # no private network, and not everywhere
    assert not [rule for rule in out if not rule.get("ports") or not all(rule["to"])]


def _reaching(where: str, policy: str) -> set[str]:
    selector: dict[str, Any] = named(where, "NetworkPolicy")[policy]["spec"]["podSelector"]
    return {name for name, template in ours(where).items() if _chosen(selector, template)}


def _labels(template: dict[str, Any]) -> dict[str, str]:
    return template["metadata"]["labels"]


@pytest.mark.parametrize("where", ["base", "overlays/production"])
def test_secrets_are_named_and_not_held(where: str) -> None:
    assert of_kind(where, "Secret") == []


def test_the_dev_overlay_holds_every_secret_that_its_pods_name() -> None:
    held = {(one["metadata"]["name"], key) for one in of_kind("overlays/dev", "Secret") for key in one["data"]}
    wanted = {
        (one["valueFrom"]["secretKeyRef"]["name"], one["valueFrom"]["secretKeyRef"]["key"])
        for _, template in pods("overlays/dev")
        for container in template["spec"]["containers"]
        for one in container.get("env", [])
        if "secretKeyRef" in one.get("valueFrom", {})
    }
    whole = {name for name in dict(held) if name.partition("-")[0] in {"valkey", "postgres"}}

    assert {(name, key) for name, key in held if name not in whole} == wanted
    assert whole == _wholly_told("overlays/dev")


def _wholly_told(where: str) -> set[str]:
    """The secrets that a store's pod is given with all their keys."""
    found: set[str] = set()
    for name, template in pods(where):
        if name in ours(where):
            continue
        found |= {one["secret"]["secretName"] for one in template["spec"]["volumes"] if "secret" in one}
        sources = template["spec"]["containers"][0].get("envFrom", [])
        found |= {one["secretRef"]["name"] for one in sources if "secretRef" in one}
    return found


def test_the_stores_of_the_dev_overlay_know_what_the_urls_name() -> None:
    held = {one["metadata"]["name"].rpartition("-")[0]: _decoded(one) for one in of_kind("overlays/dev", "Secret")}

    for user, url in held["waterclock-redis"].items():
        at = urlsplit(url)
        assert (at.username, at.password) == (f"waterclock-{user}", held["valkey"][f"valkey-{user}"])
    for role, url in held["waterclock-postgres"].items():
        at = urlsplit(url)
        password = held["postgres"][f"WATERCLOCK_{role.upper()}_PASSWORD"]
        assert (at.username, at.password) == (f"waterclock_{role}", password)
    assert {f"waterclock-{user}" for user in held["waterclock-redis"]} == log_users()
    laid = {name: set(one["data"]) for name, one in named("overlays/dev", "ConfigMap").items()}
    assert {"users.acl", "start.sh"} in laid.values()
    assert {"roles.sql"} in laid.values()


def _decoded(secret: dict[str, Any]) -> dict[str, str]:
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


@pytest.mark.parametrize("queue", QUEUES)
def test_keda_counts_what_waits_and_what_runs(queue: str) -> None:
    where = "overlays/production"
    scaled = named(where, "ScaledObject")[f"worker-{queue}"]["spec"]
    slots = read(WorkerSettings, environment(where, ours(where)[f"worker-{queue}"])).slots
    (trigger,) = scaled["triggers"]
    told = trigger["metadata"]

    assert "replicas" not in named(where, "Deployment")[scaled["scaleTargetRef"]["name"]]["spec"]
    assert {"name", "demand"} <= {field.encode_name for field in msgspec.structs.fields(Queue)}
    assert told["url"] == "http://api.waterclock.svc:8080/v1/monitor/queues"
    assert told["valueLocation"] == f'items.#(name=="{queue}").demand'
    assert (told["targetValue"], told["activationTargetValue"]) == (str(slots), "0")
    assert trigger["authenticationRef"]["name"] in named(where, "TriggerAuthentication")


@pytest.fixture
def with_fleet(tmp_path: Path) -> str:
    """The overlay of production with a fleet by executor, as an operator would add it."""
    production = ROOT / "deploy/k8s/overlays/production"
    for path in production.iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    k8s = os.path.relpath(ROOT / "deploy/k8s", tmp_path.resolve())
    said = yaml.safe_load((production / "kustomization.yaml").read_text())
    own = said | {name: [one.replace("../..", k8s, 1) for one in said[name]] for name in ("resources", "components")}
    own["components"].insert(0, f"{k8s}/components/fleet-by-executor")
    (tmp_path / "kustomization.yaml").write_text(json.dumps(own))
    return str(tmp_path)


def test_a_fleet_by_executor_is_a_worker_as_the_others(with_fleet: str) -> None:
    production = "overlays/production"
    for kind in ("ConfigMap", "NetworkPolicy", "PodMonitor", "TriggerAuthentication"):
        assert named(with_fleet, kind) == named(production, kind)
    added = {name: template for name, template in ours(with_fleet).items() if name not in ours(production)}
    assert added.keys() == {"worker-reports"}
    for name, template in ours(production).items():
        assert ours(with_fleet)[name] == template
    for manifest in rendered(with_fleet):
        if "waterclock/fleet" in manifest["metadata"].get("labels", {}) and manifest["kind"] not in FOREIGN:
            for release in RELEASES:
                kubernetes_validate.validate(manifest, release, strict=True)
    test_every_pod_keeps_to_the_restricted_standard(with_fleet)
    test_no_service_of_the_namespace_can_speak_by_our_settings(with_fleet)
    test_each_process_can_read_its_settings(with_fleet)
    test_what_watches_over_pods_finds_them(with_fleet)


def test_a_fleet_by_executor_is_scaled_from_zero_by_the_runs_of_its_executors_alone(with_fleet: str) -> None:
    scaled = named(with_fleet, "ScaledObject")["worker-reports"]
    deployment = named(with_fleet, "Deployment")[scaled["spec"]["scaleTargetRef"]["name"]]
    settings = read(WorkerSettings, environment(with_fleet, deployment["spec"]["template"]))
    (trigger,) = scaled["spec"]["triggers"]
    url = urlsplit(str(trigger["metadata"]["url"]))

    jsonschema.validate(scaled, FOREIGN["ScaledObject"])
    assert scaled["spec"]["minReplicaCount"] == 0
    assert "replicas" not in deployment["spec"]
    assert url._replace(query="").geturl() == "http://api.waterclock.svc:8080/v1/monitor/queues"
    executors = msgspec.convert({name: tuple(each) for name, each in parse_qs(url.query).items()}, QueuesQuery).executor
    assert executors == ("report.daily", "report.monthly")
    assert trigger["metadata"]["valueLocation"] == "demand"
    assert "demand" in {field.encode_name for field in msgspec.structs.fields(Queues)}
    assert (trigger["metadata"]["targetValue"], trigger["metadata"]["activationTargetValue"]) == (
        str(settings.slots),
        "0",
    )
    assert settings.queues == ()
    assert trigger["authenticationRef"]["name"] in named(with_fleet, "TriggerAuthentication")


def test_delayed_runs_always_find_a_worker_that_makes_them_due() -> None:
    scaled = named("overlays/production", "ScaledObject").values()

    assert sum(one["spec"]["minReplicaCount"] for one in scaled) > 0


def test_prometheus_finds_each_process_and_is_let_in() -> None:
    where = "overlays/production"
    monitors = named(where, "PodMonitor")
    policies = named(where, "NetworkPolicy")
    for name, template in ours(where).items():
        if name in BY_HAND:
            continue
        (monitor,) = (one["spec"] for one in monitors.values() if _chosen(one["spec"]["selector"], template))
        (endpoint,) = monitor["podMetricsEndpoints"]
        (container,) = template["spec"]["containers"]
        assert endpoint["port"] in {port["name"] for port in container["ports"]}, name
        assert endpoint["path"] == "/metrics", name
        assert ("authorization" in endpoint) is (name == "api")  # the API asks for the scope `list`
        policy = policies["api" if name == "api" else "metrics"]["spec"]
        assert _chosen(policy["podSelector"], template), name
        (rule,) = policy["ingress"]
        assert {"port": endpoint["port"]} in rule["ports"], name
        labels = rule["from"][0]["namespaceSelector"]["matchLabels"]
        assert labels == {"waterclock/may-call-api": "true"}


def _chosen(selector: dict[str, Any], template: dict[str, Any]) -> bool:
    labels = _labels(template)
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    return exact and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def test_the_ingress_leads_to_the_api_below_the_prefix_that_it_knows() -> None:
    where = "overlays/production"
    (rule,) = named(where, "Ingress")["api"]["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    given = read(ApiSettings, environment(where, ours(where)["api"]))

    assert path["pathType"] == "Prefix"
    assert path["path"] == given.path_prefix
    assert path_prefix(given.path_prefix) == given.path_prefix
    assert trusted_networks(given.trusted_proxies)
    service = named(where, "Service")[path["backend"]["service"]["name"]]
    assert path["backend"]["service"]["port"]["name"] in {port["name"] for port in service["spec"]["ports"]}


def test_a_route_of_the_gateway_api_leads_to_the_api_and_cuts_no_stream(tmp_path: Path) -> None:
    k8s = os.path.relpath(ROOT / "deploy/k8s", tmp_path.resolve())
    own = {"resources": [f"{k8s}/base"], "components": [f"{k8s}/components/httproute"]}
    (tmp_path / "kustomization.yaml").write_text(json.dumps(own))
    where = str(tmp_path)
    route = named(where, "HTTPRoute")["api"]
    (rule,), ((match,),) = route["spec"]["rules"], [one["matches"] for one in route["spec"]["rules"]]
    (backend,) = rule["backendRefs"]
    given = read(ApiSettings, environment(where, ours(where)["api"]))

    jsonschema.validate(route, FOREIGN["HTTPRoute"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(route | {"spec": route["spec"] | {"hosts": []}}, FOREIGN["HTTPRoute"])
    assert match["path"] == {"type": "PathPrefix", "value": given.path_prefix}
    assert trusted_networks(given.trusted_proxies)
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}
    assert backend["port"] in [port["port"] for port in named(where, "Service")[backend["name"]]["spec"]["ports"]]


def test_every_manifest_is_named_by_a_kustomization() -> None:
    folder = ROOT / "deploy/k8s"
    said = "\n".join(path.read_text() for path in folder.rglob("kustomization.yaml"))
    lost = [path for path in folder.rglob("*.yaml") if path.name != "kustomization.yaml" and path.name not in said]

    assert lost == list[Path]()


def test_the_page_has_the_sizes_of_production() -> None:
    rows = re.findall(r"^\| ([\w, -]+) \| [^|]+ \| (\w+) \| (\w+) \| (\w+) \|$", PAGE.read_text(), re.MULTILINE)
    shown = {name: tuple(sizes) for names, *sizes in rows for name in names.split(", ")}
    resources = {
        name: template["spec"]["containers"][0]["resources"] for name, template in ours("overlays/production").items()
    }

    assert shown == {
        name: (one["requests"]["cpu"], one["requests"]["memory"], one["limits"]["memory"])
        for name, one in resources.items()
    }


def test_the_page_names_every_component_and_every_secret() -> None:
    page = PAGE.read_text()
    for folder in (*(ROOT / "deploy/k8s/components").iterdir(), *(ROOT / "deploy/k8s/overlays").iterdir()):
        assert f"`{folder.relative_to(ROOT / 'deploy/k8s')}`" in page
    for template in ours("overlays/production").values():
        for one in template["spec"]["containers"][0].get("env", []):
            if "secretKeyRef" in one.get("valueFrom", {}):
                assert f"`{one['valueFrom']['secretKeyRef']['name']}`" in page
