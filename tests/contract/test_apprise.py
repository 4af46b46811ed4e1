"""What the notifier relies on in Apprise, asked of Apprise itself: a release that changes it is found out here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import apprise
import pytest
import requests
from apprise import AppriseAsset, NotifyFormat

from waterclock_api.notifier.delivery import apprise_child
from waterclock_api.notifier.delivery.apprise_services import HOSTED, MAIL, reads_files
from waterclock_api.notifier.delivery.apprise_words import Task
from waterclock_api.notifier.delivery.texts import TEXT_MOST

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
"""Of a plugin's own dependency, when all are loaded."""
library: Any = cast("Any", apprise)
manager: Any = library.plugins.N_MGR
SOURCES = Path(apprise.__file__).parent / "plugins"
SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ"
NAMES_A_DOMAIN = {"NotifyEmail", "NotifyMailgun", "NotifySMTP2Go", "NotifySparkPost"}
"""The host in their addresses is the domain of a sender, or (of mail alone) a server."""


def made(address: str, **asset: Any) -> Any:
    return library.Apprise.instantiate(address, asset=AppriseAsset(**asset))


def kinds() -> dict[str, Any]:
    return {manager[word].__name__: manager[word] for word in manager.schemas()}


def test_all_services_that_are_allowed_are_there() -> None:
    assert set(kinds()) >= HOSTED | MAIL
    assert all(kinds()[name].enabled for name in HOSTED | MAIL)


def test_no_hosted_service_has_a_host_in_its_address() -> None:
    assert {name for name in HOSTED | MAIL if "host" in kinds()[name].template_tokens} == NAMES_A_DOMAIN


@pytest.mark.parametrize("name", sorted(HOSTED | MAIL))
def test_each_option_of_a_service_that_reads_files_is_refused(name: str) -> None:
    """An option that is named after a file or key of this machine, and is not known here, may be a new way in."""
    suspicious = {
        option
        for option, said in kinds()[name].template_args.items()
        if any(word in f"{option} {said.get('map_to', '')}" for word in ("file", "template", "pgp", "pem", "attach"))
    }

    assert all(reads_files(option) for option in suspicious), suspicious


def test_whatever_opens_a_file_named_in_an_address_is_known() -> None:
    """The plugins that make an attachment of what an address names."""
    found = {
        str(file.relative_to(SOURCES))
        for file in SOURCES.rglob("*.py")
        if "= AppriseAttachment(asset=self.asset)" in file.read_text()
    }

    assert found == {
        "discord.py", "fcm/__init__.py", "slack.py", "telegram.py", "vapid/subscription.py", "workflows.py",
    }  # fmt: skip


def test_redirects_are_followed_unless_the_asset_says_no_and_an_address_overrides_it() -> None:
    assert made("json://h").redirects is True
    assert made("json://h", http_redirects=False).redirects is False
    assert made("json://h?redirect=yes", http_redirects=False).redirects is True


def test_each_plugin_that_sends_by_http_heeds_the_redirects_of_its_address() -> None:
    careless = [
        file.name
        for file in SOURCES.rglob("*.py")
        if any(call in (text := file.read_text()) for call in ("requests.post(", "requests.get(", "requests.request("))
        and "allow_redirects=self.redirects" not in text
    ]

    assert careless == []


def test_certificates_are_checked_unless_an_address_says_no() -> None:
    assert made("mailtos://u:p@mail.test").verify_certificate is True
    assert made("mailtos://u:p@mail.test?verify=no").verify_certificate is False
    assert made("jsons://h?verify=no").verify_certificate is False


def test_an_address_leads_to_the_class_that_its_word_names() -> None:
    for address, name in (
        (SLACK, "NotifySlack"),
        (SLACK.replace("slack://", "https://hooks.slack.com/services/"), "NotifySlack"),
        ("mailto://u:p@mail.test", "NotifyEmail"),
        ("mailtos://u:p@mail.test", "NotifyEmail"),
        ("json://h", "NotifyJSON"),
    ):
        parsed = library.plugins.url_to_dict(address, secure_logging=True)
        assert manager[parsed["schema"]].__name__ == name
        assert type(library.Apprise.instantiate(parsed)).__name__ == name


@pytest.mark.parametrize("address", ["", "x", "nonsense://h", "https://example.com/", "://", "mailto://"])
def test_what_is_no_address_is_none(address: str) -> None:
    assert not library.plugins.url_to_dict(address, secure_logging=True) or made(address) is None


def test_options_are_found_however_they_are_spelled() -> None:
    parsed = library.plugins.url_to_dict(f"{SLACK}?TEMPL%41TE=/x", secure_logging=True)

    assert "template" in parsed["qsd"]


def test_the_formats_that_services_take() -> None:
    def takes(address: str) -> tuple[Any, Any]:
        plugin = made(address)
        return plugin.resolve_format(NotifyFormat.MARKDOWN), plugin.resolve_format(NotifyFormat.HTML)

    assert takes(SLACK) == (NotifyFormat.MARKDOWN, NotifyFormat.MARKDOWN)
    assert takes("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js")[0] == NotifyFormat.MARKDOWN
    assert takes("mailto://u:p@mail.test") == (NotifyFormat.HTML, NotifyFormat.HTML)
    assert takes("json://h") == (NotifyFormat.MARKDOWN, NotifyFormat.HTML)
    assert takes("tgram://123456789:abcdefg_hijklmnop/12315544")[1] == NotifyFormat.HTML


def test_each_service_says_how_much_it_takes() -> None:
    most = {name: kind.body_maxlen for name, kind in kinds().items()}
    twilio = made(f"twilio://AC{'a' * 32}:{'b' * 32}@15551234567/15557654321")

    assert most["NotifyVonage"] == 160
    assert most["NotifyPushover"] == 1024
    assert twilio.body_maxlen == 160
    assert all(most[name] > TEXT_MOST for name in ("NotifyEmail", "NotifySlack", "NotifyDiscord", "NotifyTelegram"))


@pytest.mark.parametrize(
    ("address", "body", "title"),
    [
        (f"twilio://AC{'a' * 32}:{'b' * 32}@15551234567/15557654321", "a subject\nshort", ""),
        (f"pover://{'u' * 30}@{'t' * 30}", "short", "a subject"),
        (SLACK, "*bold*", "a subject"),
        ("mailto://u:p@mail.test", "**text**", "a subject"),
    ],
)
def test_a_service_gets_what_it_takes(address: str, body: str, title: str) -> None:
    """A telephone gets the short text, a chat Markdown in its own words, a mail plain text."""
    plugin, sent = made(address), list[tuple[str, str]]()

    def send(body: str, title: str = "", **_: Any) -> bool:
        sent.append((title, body.replace("\r\n", "\n")))
        return True

    plugin.send = send
    long = "x" * 1500 if "text" not in body else ""
    task = Task(
        addresses=(address,), seconds=1, subject="a subject", text=f"**text**{long}", markdown="**bold**", short="short"
    )

    assert apprise_child.sent(plugin, task)
    assert sent == [(title, body)]


def test_credentials_of_the_machines_user_are_not_added_to_a_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine hook.test login me password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert requests.utils.get_netrc_auth("https://hook.test/") == ("me", "hush")

    monkeypatch.setenv("NETRC", os.devnull)
    assert requests.utils.get_netrc_auth("https://hook.test/") is None


def test_no_module_is_loaded_from_elsewhere_and_nothing_is_kept(tmp_path: Path) -> None:
    """Without `plugin_paths` none of the folders in which Apprise's own command looks is looked into."""
    marker = tmp_path / "loaded"
    for folder in (".apprise/plugins", ".config/apprise/plugins"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "evil.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    code = "import apprise; a = apprise.Apprise(); a.add('json://127.0.0.1:1/'); a.notify('x')"
    subprocess.run([sys.executable, "-I", "-c", code], env={"HOME": str(tmp_path)}, cwd=tmp_path, check=True)
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())

    assert not marker.exists()
    assert found == [".apprise/plugins/evil.py", ".config/apprise/plugins/evil.py"]


def test_a_child_alone_imports_apprise() -> None:
    """It takes some 60 MB and half a second."""
    rooms = "texts, cloud_event, channels, webhook, apprise_sender, back_off"
    code = (
        f"import sys, waterclock_api.app, waterclock_api.main; from waterclock_api.notifier.delivery import {rooms}; "
        "print('apprise' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout == "False\n"
