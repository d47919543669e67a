"""A primary and its streaming standby in a temporary folder, to be killed and promoted. Unix sockets only."""
import glob
import os
import pwd
import shutil
import signal
import subprocess

from trial_tools import Failure, eventually

ADMINISTRATOR = "trial_admin"


def binaries():
    folders = [os.environ.get("TURNUP_POSTGRES_BIN", "")]
    folders += sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: -int(path.split("/")[4]))
    folders += os.environ.get("PATH", "").split(":")
    for folder in folders:
        if folder and all(os.access(os.path.join(folder, name), os.X_OK) for name in ["initdb", "pg_basebackup"]):
            return folder
    raise Failure("no PostgreSQL server is installed: initdb and pg_basebackup were not found")


def account():
    """PostgreSQL refuses root: then another account runs it."""
    if os.geteuid():
        return None
    for name in ["postgres", "nobody"]:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Failure("root has no account postgres or nobody to run PostgreSQL as")


class Node:
    """One server; `name` is also what it calls itself as a standby."""

    def __init__(self, pair, name):
        self.pair, self.name = pair, name
        self.folder = os.path.join(pair.folder, name)
        self.data = os.path.join(self.folder, "data")
        os.mkdir(self.folder, 0o755)
        if pair.account:
            os.chown(self.folder, pair.account.pw_uid, pair.account.pw_gid)

    def run(self, *arguments):
        command = [os.path.join(self.pair.binaries, arguments[0]), *arguments[1:]]
        if self.pair.account:
            who = self.pair.account
            command = ["setpriv", f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--clear-groups", *command]
        # Output goes to a file: a server inherits it, and would keep a pipe open.
        with open(os.path.join(self.pair.folder, "commands.log"), "ab") as log:
            done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, timeout=120)
        if done.returncode:
            raise Failure(f"{arguments[0]} of server {self.name} failed; see commands.log and its server.log")

    def create(self):
        self.run("initdb", "-D", self.data, "-U", ADMINISTRATOR, "--locale=C", "-E", "UTF8", "-A", "trust", "--no-sync")
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as file:
            file.write(
                "listen_addresses = ''\nmax_connections = 80\nwal_level = replica\nmax_wal_senders = 4\n"
                "wal_keep_size = '256MB'\nhot_standby = on\nwal_retrieve_retry_interval = '200ms'\n"
                # Commits reach the operating system, which outlives every kill here.
                "fsync = off\nfull_page_writes = off\nshared_buffers = '64MB'\njit = off\ntimezone = 'UTC'\n"
                "dynamic_shared_memory_type = mmap\nlog_line_prefix = '%m [%p] '\n")
        self.start()

    def start(self):
        options = f"-c unix_socket_directories={self.folder}"
        self.run("pg_ctl", "start", "-w", "-t", "60", "-D", self.data, "-l", os.path.join(self.folder, "server.log"),
                 "-o", options)

    def follow(self, primary):
        """Becomes a new standby from a fresh copy."""
        shutil.rmtree(self.data, ignore_errors=True)
        # The killed server's lock counts for as long as nobody has collected its process.
        for left in glob.glob(os.path.join(self.folder, ".s.PGSQL.*")):
            os.unlink(left)
        self.run("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                 f"host={primary.folder} user={ADMINISTRATOR} application_name={self.name}")
        self.start()
        eventually(f"{self.name} streams", lambda: primary.sql(
            f"select 1 from pg_stat_replication where application_name = '{self.name}' and state = 'streaming'"), 60)

    def postmaster(self):
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="ascii") as file:
                return file.read().split("\n")
        except FileNotFoundError:
            return None

    def kill(self):
        """As when the machine fails: the server and all of its processes at once."""
        lines = self.postmaster()
        if not lines:
            return
        first = int(lines[0])
        family = [first]
        for stat in glob.glob("/proc/[0-9]*/stat"):
            try:
                with open(stat, encoding="utf-8", errors="replace") as file:
                    text = file.read()
            except OSError:
                continue
            if int(text.rsplit(")", 1)[1].split()[1]) == first:
                family.append(int(stat.split("/")[2]))
        for process in family:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Zombies, where nobody collects them, run no more.
        eventually(f"the processes of {self.name} are gone", lambda: not any(runs(process) for process in family), 20)
        if len(lines) > 6 and lines[6].split():
            # A killed server cannot give its piece of shared memory back.
            subprocess.run(["ipcrm", "-m", lines[6].split()[-1]], stderr=subprocess.DEVNULL, check=False)

    def promote(self):
        self.run("pg_ctl", "promote", "-w", "-t", "60", "-D", self.data)

    def sql(self, *statements, database="turnup"):
        """Lines of the answers. Waits for no standby."""
        command = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", ADMINISTRATOR, database]
        for statement in statements:
            command += ["-c", statement]
        environment = {"PATH": os.environ["PATH"], "PGOPTIONS": "-c synchronous_commit=local"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        if done.returncode:
            raise Failure(f"psql on {self.name}: {done.stderr.strip()}")
        return [line for line in done.stdout.split("\n") if line]

    def cut_off(self, primary):
        """The standby hears nothing more of its primary; what it had not got by then is lost when it is promoted."""
        self.sql("alter system set primary_conninfo = ''", "select pg_reload_conf()")
        eventually("the standby is cut off", lambda: not self.sql("select 1 from pg_stat_wal_receiver")
                   and not primary.sql("select 1 from pg_stat_replication"), 30)


def runs(process):
    try:
        with open(f"/proc/{process}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Pair:
    def __init__(self, folder):
        self.folder, self.binaries, self.account = folder, binaries(), account()
        self.primary, self.standby = Node(self, "a"), Node(self, "b")
        self.failovers = 0

    def create(self, has_standby=True):
        self.primary.create()
        self.primary.sql("create role turnup login", "create database turnup owner turnup", database="postgres")
        if has_standby:
            self.standby.follow(self.primary)

    @property
    def alone_url(self):
        return f"postgresql:///turnup?host={self.primary.folder}&user=turnup"

    @property
    def url(self):
        """Names both, in an order that does not change."""
        folders = ",".join(sorted([self.primary.folder, self.standby.folder]))
        return f"postgresql:///turnup?host={folders}&user=turnup&target_session_attrs=read-write"

    def synchronous(self, names):
        # Also for the time after the standby's promotion: then it waits until it has a standby of its own.
        for node in [self.standby, self.primary]:
            node.sql(f"alter system set synchronous_standby_names = '{names}'", "select pg_reload_conf()")
        state = "sync" if names else "async"
        eventually(f"the standby is {state}", lambda: self.primary.sql(
            f"select 1 from pg_stat_replication where sync_state = '{state}'"), 30)

    def caught_up(self):
        """The standby has replayed all that the primary has written."""
        position = self.primary.sql("select pg_current_wal_lsn()")[0]
        eventually("the standby has caught up", lambda: self.standby.sql(
            f"select 1 where pg_last_wal_replay_lsn() >= '{position}'"), 30)

    def fail_over(self, before=lambda: None):
        """The primary dies, the standby takes its place; the dead one is copied anew by `rejoin`."""
        self.primary.kill()
        before()
        self.standby.promote()
        self.primary, self.standby = self.standby, self.primary
        self.failovers += 1

    def rejoin(self):
        # A cut-off standby that was promoted has that in its settings, which are copied.
        self.primary.sql("alter system reset primary_conninfo", "select pg_reload_conf()")
        self.standby.follow(self.primary)

    def destroy(self):
        for node in [self.primary, self.standby]:
            try:
                node.kill()
            except Failure as failure:
                print(f"left over: {failure}")
