"""What each verb is for, in a line: help and completion show it without importing the verb, which may take a second.

A test compares it with the verbs. A verb of another's package is not in it, and is imported to be shown.
"""

from __future__ import annotations

SECTIONS = {
    "Jobs and runs": (
        *("job", "run", "explain", "events", "tail", "queue", "fleet", "backfill", "preview", "fires", "simulate"),
        *("plan", "apply", "export"),
    ),
    "Run the services": ("migrate", "api", "projector", "scheduler", "worker", "notifier", "publisher"),
    "Operate": (
        "context",
        "whoami",
        "status",
        "doctor",
        "ledger",
        "notices",
        "key",
        "reconcile",
        "rebuild",
        "restore",
        "dropped",
    ),
    "Develop": ("dev", "demo", "bench", "completion"),
}
"""The verbs as help sorts them; of another's package they come last."""
ASK_NO_API = frozenset(
    {
        *("api", "bench", "completion", "context", "demo", "dev", "key", "migrate", "projector", "rebuild"),
        *("notifier", "publisher", "reconcile", "restore", "scheduler", "worker"),
    }
)
"""Verbs that take no option for the API; a test compares it with them, too."""
SHORT_HELP = {
    "api": "Serve the HTTP API.",
    "apply": "Create, change and delete jobs as a file says.",
    "backfill": "Request runs for the scheduled times of a past range.",
    "bench": "Run benchmarks on this machine: all, or one.",
    "completion": "Print the completion script of a shell.",
    "context": "Contexts: add, list, use, show, remove.",
    "demo": "Run a demo of half a minute, and clean up.",
    "dev": "Run all of Waterclock on this machine until Ctrl-C.",
    "doctor": "Check the installation, and say what to do.",
    "dropped": "Events dropped by repairs of the event log: list, requeue.",
    "events": "List events, newest first.",
    "explain": "Explain the outcome of each scheduled time of a job.",
    "export": "Write jobs as a file that `plan` and `apply` read.",
    "fleet": "Workers and executors: list; drain a worker.",
    "job": "Jobs: list, show, create, edit, trigger, delete.",
    "key": "API keys: create, list, rotate, revoke.",
    "ledger": "Verify and show what became of each scheduled time.",
    "migrate": "Migrate Postgres and Redis to this release; may be repeated.",
    "notices": "Notices: what was told, rules, channels, mutes.",
    "notifier": "Run a notifier: it tells people what went wrong.",
    "publisher": "Run a publisher: it passes events on to other services.",
    "plan": "Show what `apply` would do.",
    "fires": "List the next scheduled times of all jobs.",
    "preview": "Describe a cron expression, and list its next times.",
    "projector": "Run a projector: it copies events into archive and read models.",
    "queue": "Queues: list, pause, resume.",
    "rebuild": "Rebuild the read models from the event archive.",
    "reconcile": "Compare the event log with the archive, or repair it.",
    "restore": "Restore an empty event log from the archive.",
    "run": "Runs: start, list, read, follow, cancel, retry.",
    "scheduler": "Run a scheduler.",
    "simulate": "Show what would run after an outage.",
    "status": "Say whether scheduling and execution are healthy.",
    "tail": "Follow events as they happen.",
    "whoami": "Show who the API takes you for, and what you may do.",
    "worker": "Run a worker.",
}
