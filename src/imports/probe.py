# Runs in the image's own Python: what imports cost. `python - '["numpy", "service"]' SECONDS [together]`; prints one JSON document.
import json
import os
import re
import subprocess
import sys
import time

# A fresh interpreter: imports what it is told, in order, and says after each what that cost.
CHILD = r"""
import os, sys, time
names = sys.argv[1].split(',')
told = os.dup(1)
os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def memory():
    found = {}
    with open('/proc/self/smaps_rollup', 'rb') as file:
        for line in file:
            words = line.split()
            if words[0] in (b'Rss:', b'Anonymous:'):
                found[words[0]] = int(words[1]) * 1024
    return found[b'Rss:'], found[b'Anonymous:']


def look():
    return memory() + (time.process_time(),)


def say(name, problem, before, after):
    problem = ''.join(c if c.isprintable() else ' ' for c in problem)[:300]
    row = '%s\t%s\t%d\t%d\t%.6f\n' % (name, problem, after[0] - before[0], after[1] - before[1], after[2] - before[2])
    os.write(told, row.encode('utf-8', 'replace'))


os.write(2, b'-- begins --\n')
bare = look()
say('', '', (0, 0, 0), bare)
for name in names:
    if not name:
        continue
    before, problem = look(), ''
    try:
        __import__(name)
    except BaseException as error:
        problem = '%s: %s' % (type(error).__name__, error)
    say(name, problem, before, look())
"""

LINE = re.compile(r"import time:\s*(\d+) \|\s*(\d+) \|( *)(\S+)")


def child(names, deadline, options=()):
    """Rows of a fresh interpreter, what it said on stderr, and how it ended."""
    command = [sys.executable] + list(options) + ["-c", CHILD, ",".join(names)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=max(deadline - time.monotonic(), 0.1))
        ended = process.returncode
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        ended = "time"
    rows = []
    for line in out.decode("utf-8", "replace").splitlines():
        parts = line.split("\t")
        if len(parts) == 5:
            rows.append({"module": parts[0], "problem": parts[1] or None, "rss": int(parts[2]), "anonymous": int(parts[3]), "cpu": float(parts[4])})
    return rows, err.decode("utf-8", "replace"), ended


def owners():
    """Top-level names to the distributions that bring them, and those that no other distribution requires."""
    try:
        from importlib import metadata
    except ImportError:
        return {}, []
    brings, required, names = {}, set(), {}
    normal = lambda name: re.sub(r"[-_.]+", "-", name).lower()
    for dist in metadata.distributions():
        name = dist.metadata["Name"] if dist.metadata else None
        if not name:
            continue
        tops = set((dist.read_text("top_level.txt") or "").split())
        if not tops:
            for file in dist.files or []:
                first = file.parts[0]
                if len(file.parts) > 1 and file.suffix in (".py", ".so") and not first.endswith((".dist-info", ".data")) and first != "..":
                    tops.add(first)
                elif len(file.parts) == 1 and file.suffix in (".py", ".so"):
                    tops.add(first.split(".")[0])
        for top in tops:
            brings.setdefault(top, name)
        names[normal(name)] = sorted(tops)
        for line in dist.requires or []:
            if "extra ==" not in line:
                required.add(normal(re.split(r"[^\w.-]", line.strip(), maxsplit=1)[0]))
    roots = [top for name in sorted(names) if name not in required and name not in ("pip", "setuptools", "wheel") for top in names[name]]
    return brings, [top for top in roots if top.isidentifier() and not top.startswith("_")]


def has_bytecode(name):
    """Whether there is bytecode of a module; without it each start compiles it again."""
    try:
        from importlib import util

        spec = util.find_spec(name.split(".")[0])
        if not spec or not spec.origin or not spec.origin.endswith(".py"):
            return None
        return bool(spec.cached) and os.path.exists(spec.cached)
    except Exception:
        return None


def together(modules, deadline):
    """Rows of all modules in one interpreter, those that cannot be imported behind, and how it ended: the cheapest of two runs with files at hand."""
    rows, _, ended = child(modules, deadline)
    failed = [row for row in rows[1:] if row["problem"]]
    good = [row["module"] for row in rows[1:] if not row["problem"]]
    runs = [child(good, deadline) for _ in range(2)] if ended == 0 and good else []
    done = [rows for rows, _, ended in runs if ended == 0 and len(rows) == len(good) + 1]
    if len(done) < len(runs):
        ended = [ended for _, _, ended in runs if ended != 0][0]
    best = min(done, key=lambda rows: sum(row["cpu"] for row in rows[1:])) if done else rows[:1]
    return best[1:] + failed, ended


def main():
    asked, seconds = json.loads(sys.argv[1]), float(sys.argv[2])
    deadline = time.monotonic() + seconds
    brings, roots = owners()
    modules = asked or roots[:40]
    standard = getattr(sys, "stdlib_module_names", None)

    def owner(name):
        """The distribution, or the top-level name of what no distribution brings; whose it is."""
        top = name.split(".")[0]
        if top in brings:
            return brings[top], "distribution"
        if standard is not None:
            return ("", "python") if top in standard else (top, "own")
        loaded = sys.modules.get(top)
        return ("", "python") if loaded is not None and "site-packages" not in (getattr(loaded, "__file__", "") or "") else (top, "own")

    told = {"python": sys.version.split()[0], "executable": sys.executable, "left_out": 0 if asked else max(len(roots) - 40, 0), "alone": [], "in_order": [], "owners": [], "bare": None, "in_order_ended": "", "owners_ended": ""}
    if sys.argv[3:] == ["together"]:
        told["in_order"], ended = together(modules, deadline)
        told["in_order_ended"] = str(ended)
        print(json.dumps(told))
        return
    for name in modules:
        # The first run brings files into the page cache; the second one counts.
        first, _, ended = child([name], deadline)
        if ended == 0:
            second, _, ended = child([name], deadline)
            first = second if len(second) == len(first) else first
        row = first[1] if len(first) > 1 else {"module": name, "problem": "ended with %s" % ended, "rss": 0, "anonymous": 0, "cpu": 0.0}
        row.update(owner=owner(name)[0], whose=owner(name)[1], bytecode=has_bytecode(name), ended=str(ended), measured=len(first) > 1)
        told["alone"].append(row)
    good = [row["module"] for row in told["alone"] if not row["problem"]]
    if good:
        rows, _, ended = child(good, deadline)
        told["bare"], told["in_order"], told["in_order_ended"] = rows[0] if rows else None, rows[1:], str(ended)
        _, err, ended = child(good, deadline, ("-X", "importtime"))
        order, inside, took, by = [], {}, {}, {}
        for line in err.split("-- begins --", 1)[-1].splitlines():
            found = LINE.match(line)
            if found:
                name = found.group(4)
                top = name.split(".")[0]
                inside.setdefault(top, []).append(name)
                order += [top] if name == top else []
                took[name] = took.get(name, 0) + int(found.group(1))
        # The same modules once more, a top-level name after the other in the order in which they were complete.
        flat = [name for top in order for name in [top] + [one for one in inside[top] if one != top]]
        seen = set()
        flat = [name for name in flat if not (name in seen or seen.add(name)) and re.match(r"^[\w.]+$", name)]
        rows, _, ended = child(flat, deadline)
        told["owners_ended"] = str(ended)
        for row in rows[1:]:
            if not row["problem"]:
                name, whose = owner(row["module"])
                new = {"owner": name, "whose": whose, "modules": 0, "self_microseconds": 0, "rss": 0, "anonymous": 0}
                one = by.setdefault((name, whose), new)
                one["modules"] += 1
                one["self_microseconds"] += took.get(row["module"], 0)
                one["rss"] += row["rss"]
                one["anonymous"] += row["anonymous"]
        told["owners"] = list(by.values())
    print(json.dumps(told))


main()
