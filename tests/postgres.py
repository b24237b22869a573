"""A PostgreSQL of a test session's own, from what Debian's package installs."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["find_postgres", "running_postgres"]


def find_postgres() -> Path | None:
    """Returns the folder of PostgreSQL's programs, or None where they aren't installed."""
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)
    found = shutil.which("initdb")
    return Path(found).parent if found else installed[0].parent if installed else None


@contextmanager
def running_postgres(programs: Path) -> Iterator[str]:
    """Runs a server that only this machine reaches, by a socket; gives its SQLAlchemy address."""
    with tempfile.TemporaryDirectory(prefix="lds-pg-", ignore_cleanup_errors=True) as name:
        folder, user = Path(name), None
        if os.geteuid() == 0:
            # It refuses to run as root.
            user = next(one.pw_name for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            shutil.chown(folder, user)

        def call(program: str, *args: str) -> None:
            command = [str(programs / program), "-D", str(folder / "data"), *args]
            subprocess.run(command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL)

        call("initdb", "--auth=trust", "--username=tests", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        call("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={folder}"
        finally:
            call("pg_ctl", "stop", "--wait", "--mode=immediate")
