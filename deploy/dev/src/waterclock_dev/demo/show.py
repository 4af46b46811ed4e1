"""The demo's course: start everything, play its acts, clean up, say whether all went as promised."""

import asyncio
import io
import tempfile
from collections.abc import Mapping
from pathlib import Path

import psycopg

from waterclock.cli.progress.lines import waiting_for
from waterclock.client import ApiError, AsyncClient
from waterclock.kit.settings import PREFIX
from waterclock_dev.demo import backup, tides
from waterclock_dev.demo.live import DemoFailed
from waterclock_dev.demo.screen import Screen
from waterclock_dev.installation import Installation, Plan
from waterclock_dev.servers import external
from waterclock_dev.servers.external import Elsewhere
from waterclock_dev.servers.ports import free_port
from waterclock_dev.servers.prefix import Prefixed
from waterclock_dev.servers.server import ServerError
from waterclock_dev.servers.supervise import until
from waterclock_worker.executors.places import configuration, variables

PATIENCE = 60.0  # s for all that follows the start
LINES_SHOWN = 40  # of the logs, when it fails
NOT_PASSED_ON = {*external.NAMES, *variables.NAMES, configuration.FILE, f"{PREFIX}PG_BIN"}


async def show(environment: Mapping[str, str], screen: Screen, stop: asyncio.Event) -> bool:
    """Run the demo on servers of its own, whatever the environment names; whether all went as promised."""
    ours = {name: value for name, value in environment.items() if name not in NOT_PASSED_ON}
    logs = io.StringIO()
    with tempfile.TemporaryDirectory(prefix="waterclock-demo-", ignore_cleanup_errors=True) as folder:
        plan = Plan(data_dir=Path(folder), port=free_port(), durable=False)
        installation = Installation(plan, ours, Elsewhere(), Prefixed(logs))
        reason: str | None = "stopped before its end"
        try:
            await until(stop, _acts(installation, Path(folder), screen))
            reason = None if not stop.is_set() else reason
        except (ServerError, DemoFailed, ApiError) as error:
            reason = str(error)
        except psycopg.Error as error:
            reason = f"Postgres: {error}"
        except TimeoutError:
            reason = f"not done within {PATIENCE:g} s"
        finally:
            screen.say("stopping everything")
            with waiting_for("until all processes are gone"):
                await installation.stop()
    if reason is None:
        screen.done("done: all processes are gone, and so are their data")
        screen.say("to look around, with ninety days of a believable past: make sample, then open its console")
        return True
    screen.fail(f"the demo failed: {reason}")
    screen.title("The end of the logs")
    screen.say("\n" + "\n".join(logs.getvalue().splitlines()[-LINES_SHOWN:]))
    return False


async def _acts(installation: Installation, folder: Path, screen: Screen) -> None:
    screen.title("Waterclock: every scheduled time is accounted for")
    screen.say("starting Valkey, Postgres, S3, then api, projector, scheduler, worker")
    with waiting_for("until all are ready"):
        await installation.start()
    screen.say(f"all ready; while it runs, watch it at {installation.api_url}/console/")
    async with asyncio.timeout(PATIENCE), AsyncClient(installation.api_url) as api:
        await tides.play(api, screen)
        await backup.play(installation, api, folder, screen)
