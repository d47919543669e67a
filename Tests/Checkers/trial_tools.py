"""What the trials share: the real `turnup` as processes, the simulated platform, and waiting."""
import json
import os
import secrets
import signal
import subprocess
import time
import urllib.request

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
MASTER = "simulator-master-secret"


class Failure(Exception):
    """What was to hold and does not."""


def require(holds, text):
    if not holds:
        raise Failure(text)


def eventually(what, condition, seconds):
    """Looks again and again; answers what the condition answered."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(0.05)


def new_id():
    """A UUID of version 7."""
    text = f"{int(time.time() * 1000):012x}7{secrets.randbits(12):03x}{0x8000 | secrets.randbits(14):04x}"
    text += f"{secrets.randbits(48):012x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Turnup:
    """The program with its environment; every process that it starts ends with `stop`."""

    def __init__(self, folder, url, program=None):
        self.folder, self.url = folder, url
        self.program = program or os.path.join(ROOT, ".build", "debug", "turnup")
        require(os.access(self.program, os.X_OK), f"{self.program} is missing: run make build")
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": "/nonexistent", "TURNUP_STATE_DIR": folder, "MASTER": MASTER,
            "TURNUP_DATABASE_URL": url, "TURNUP_KEY_FILE": os.path.join(folder, "keys.json"), "USER": "trial"}
        self.processes = []

    def answer(self, *arguments, seconds=120):
        """Exit code, output and errors of one command."""
        done = subprocess.run([self.program, *arguments], env=self.environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=seconds)
        return done.returncode, done.stdout, done.stderr

    def command(self, *arguments):
        code, output, errors = self.answer(*arguments)
        require(code == 0, f"turnup {' '.join(arguments)} ended with {code}: {errors.strip()}{output.strip()}")
        return output

    def start(self, *arguments, log):
        with open(os.path.join(self.folder, log), "ab") as file:
            process = subprocess.Popen([self.program, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                                       stdout=file, stderr=file, start_new_session=True)
        self.processes.append(process)
        return process

    def worker(self, name, lease, poll=200):
        return Worker(self, name, lease, poll)

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


class Worker:
    def __init__(self, turnup, name, lease, poll):
        self.turnup, self.name = turnup, name
        self.log = os.path.join(turnup.folder, f"{name}.log")
        self.socket = os.path.join(turnup.folder, f"{name}.sock")
        self.process = turnup.start(
            "worker", "--name", name, "--lease-seconds", str(lease), "--poll-milliseconds", str(poll), "--health",
            self.socket, "--verify-seconds", "0", log=f"{name}.log")

    def send(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """Stopped in order; it must end with 0."""
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            raise Failure(f"worker {self.name} does not stop") from None
        require(code == 0, f"worker {self.name} ended with {code}, see {self.name}.log")

    def lines(self, *words):
        """The lines of its log that hold all of the words."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return [line.rstrip("\n") for line in file if all(word in line for word in words)]


class Platform:
    """`turnup simulate` with its ledger and its control port."""

    def __init__(self, turnup, *options):
        self.ledger_path = os.path.join(turnup.folder, "ledger.jsonl")
        output = os.path.join(turnup.folder, "platform.log")
        turnup.start("simulate", "--ledger", self.ledger_path, *options, log="platform.log")

        def addresses():
            with open(output, encoding="utf-8") as file:
                found = [line.split()[1] for line in file if line.startswith(("platform ", "control "))]
            return found if len(found) == 2 else None
        self.address, self.control = eventually("the platform has its ports", addresses, 30)

    def ask(self, path, order=None, method=None):
        data = None if order is None else json.dumps(order).encode()
        request = urllib.request.Request(self.control + path, data=data, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def ledger(self):
        return self.ask("/ledger")

    def fault(self, effect, path=None, organisation=None, **more):
        match = {name: value for name, value in [("path", path), ("organisation", organisation)] if value}
        self.ask("/faults", {"match": match, "effect": effect, **more})

    def without_faults(self):
        self.ask("/faults", method="DELETE")

    def release(self, count=None, **match):
        order = dict(match) if count is None else {**match, "count": count}
        return self.ask("/release", order)["released"]

    def creates(self):
        """Of each organisation the clients that the platform made for it."""
        made = {}
        for entry in self.ledger():
            if (entry.get("decision") or {}).get("kind") == "client-created":
                made.setdefault(entry["organisation"], []).append(entry)
        return made
