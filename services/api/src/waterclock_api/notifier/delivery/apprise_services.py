"""Which services of Apprise an address may name, and what no address may ask for.

A hosted service has one address in the world, whatever is written in the channel: a notice cannot be sent to a machine
inside, nor read a file, nor start a program. Mail goes to the server that the address names, which operators have
inside. All others are named in the setting, by the word before `://`.
"""

from __future__ import annotations

SETTING = "WATERCLOCK_NOTICES_SERVICES"

MAIL = frozenset({"NotifyEmail"})
HOSTED = frozenset({
    "Notify46Elks", "NotifyBrevo", "NotifyBulkSMS", "NotifyClickSend", "NotifyD7Networks", "NotifyDingTalk",
    "NotifyDiscord", "NotifyFeishu", "NotifyFireHydrant", "NotifyFlock", "NotifyFreeMobile", "NotifyGoogleChat",
    "NotifyGroupMe", "NotifyIFTTT", "NotifyILert", "NotifyIncidentIO", "NotifyLark", "NotifyLine",
    "NotifyMailerSend", "NotifyMailgun", "NotifyMessageBird", "NotifyOffice365", "NotifyOneSignal",
    "NotifyOpsgenie", "NotifyPagerDuty", "NotifyPagerTree", "NotifyPlivo", "NotifyPostmark", "NotifyProwl",
    "NotifyPushBullet", "NotifyPushSafer", "NotifyPushover", "NotifyPushy", "NotifyResend", "NotifyRevolt",
    "NotifyRyver", "NotifySES", "NotifySIGNL4", "NotifySMTP2Go", "NotifySNS", "NotifySendGrid", "NotifyServerChan",
    "NotifySeven", "NotifySimplePush", "NotifySinch", "NotifySlack", "NotifySparkPost", "NotifySpike",
    "NotifySplunk", "NotifySquadcast", "NotifyTelegram", "NotifyThreema", "NotifyTwilio", "NotifyTwist",
    "NotifyViber", "NotifyVonage", "NotifyWeComBot", "NotifyWebexTeams", "NotifyZoom",
})  # fmt: skip
"""Classes of Apprise's plugins, each of which sends to addresses of its own alone."""

READS_FILES = frozenset({"template", "keyfile", "subfile", "file_url", "wkd"})
"""Options of addresses that read a file of this machine, or fetch one."""
READS_FILES_BEGIN = ("pgp", "attach")


def reads_files(option: str) -> bool:
    """Whether an option, in small letters, makes a plugin read a file or attach one."""
    return option in READS_FILES or option.startswith(READS_FILES_BEGIN)
