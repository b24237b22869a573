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
def running_postgres(
    programs: Path, *, user: str = "tests", password: str = "", port: int | None = None
) -> Iterator[str]:
    """Runs a server that only this machine reaches, by a socket; gives its SQLAlchemy address.

    Args:
        programs: The folder of its programs.
        user: Who may do everything.
        password: What that user needs at the port.
        port: Where it listens on this machine, if it does.
    """
    with tempfile.TemporaryDirectory(prefix="lds-pg-", ignore_cleanup_errors=True) as name:
        folder, owner = Path(name), None
        if os.geteuid() == 0:
            # It refuses to run as root.
            owner = next(one.pw_name for one in pwd.getpwall() if one.pw_name in ("postgres", "nobody"))
            shutil.chown(folder, owner)

        def call(program: str, *args: str) -> None:
            command = [str(programs / program), "-D", str(folder / "data"), *args]
            subprocess.run(command, check=True, user=owner, cwd=folder, stdout=subprocess.DEVNULL)

        (folder / "password").write_text(password or "none")
        (folder / "password").chmod(0o644)
        methods = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={folder / 'password'}"]
        call("initdb", *methods, f"--username={user}", "--no-sync")
        listening = "-c listen_addresses=''" if port is None else f"-c listen_addresses=127.0.0.1 -c port={port}"
        options = f"{listening} -c unix_socket_directories={folder} -c fsync=off"
        call("pg_ctl", "start", "--wait", "--log", str(folder / "log"), "-o", options)
        try:
            yield f"postgresql+psycopg://{user}@/postgres?host={folder}" + (f"&port={port}" if port else "")
        finally:
            call("pg_ctl", "stop", "--wait", "--mode=immediate")
