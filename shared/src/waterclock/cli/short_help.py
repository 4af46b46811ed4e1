"""What each verb is for, in a line: help and completion show it without importing the verb, which may take a second.

A test compares it with the verbs. A verb of another's package is not in it, and is imported to be shown.
"""

from __future__ import annotations

SECTIONS = {
    "Jobs and runs": (
        *("job", "run", "explain", "events", "tail", "queue", "fleet", "backfill", "preview", "simulate"),
        *("plan", "apply", "export"),
    ),
    "Run the services": ("migrate", "api", "projector", "scheduler", "worker"),
    "Operate": ("doctor", "ledger", "key", "reconcile", "rebuild", "restore", "dropped"),
    "Develop": ("dev", "demo", "bench", "completion"),
}
"""The verbs as help sorts them; of another's package they come last."""
SHORT_HELP = {
    "api": "Serve the HTTP API.",
    "apply": "Make the jobs those of a file.",
    "backfill": "Request runs for the instants of a past range.",
    "bench": "Measure this machine: all of it, or one part.",
    "completion": "Print the completion script of a shell.",
    "demo": "Show it all in half a minute, and clean up.",
    "dev": "Run all of Waterclock on this machine until Ctrl-C.",
    "doctor": "Say what is wrong, and what to do.",
    "dropped": "What repairs of the log have dropped: list, requeue.",
    "events": "List what has happened, newest first.",
    "explain": "Say what became of the instants of a job, and why.",
    "export": "Write jobs as a file that `plan` and `apply` read.",
    "fleet": "The fleet: workers, executors.",
    "job": "Jobs: list, show, create, edit, trigger, delete.",
    "key": "Keys of the API: make, list, rotate, revoke.",
    "ledger": "Every instant and its decision.",
    "migrate": "Prepare Postgres and Redis for this release; may be repeated.",
    "plan": "Say what `apply` would do.",
    "preview": "Say what a cron expression means, and its instants.",
    "projector": "Copy every event into the archive and the read models.",
    "queue": "Queues: list, pause, resume.",
    "rebuild": "Fold the archive into read models, and compare them.",
    "reconcile": "Say where log and archive differ, or mend it.",
    "restore": "Fill an empty store from the archive.",
    "run": "Runs: start, list, read, follow, cancel, retry.",
    "scheduler": "Decide what is due: every instant of every job, once.",
    "simulate": "Say what would run after an outage.",
    "tail": "Follow events as they happen.",
    "worker": "Claim runs, execute them, tell how they ended.",
}
