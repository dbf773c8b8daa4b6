"""Does a rebuilt image still import what it should, and are its requirements met?

Run it in the image, without a network:

    docker run --rm -i --network none --entrypoint python3.11 IMAGE - < smoke_test.py

Every module is imported in a process of its own. Then the requirements of the installed distributions are
checked: only those that the plan overrides on purpose, or that were not met before, may be unmet.
`--record FILE` writes the results as JSON; run that way in the original image, and give the file to the run in
the rebuilt one as `--baseline FILE`: then a failure counts only where the original did better.

Needs Python 3.8 and its standard library. Exits with 0, or with 1 when anything failed.
"""

import argparse
import concurrent.futures
import importlib.metadata
import json
import os
import re
import signal
import subprocess
import sys

FACTS = json.loads(r'''{
"modules": {
"Flask": ["flask"],
"Jinja2": ["jinja2"],
"MarkupSafe": ["markupsafe"],
"PyYAML": ["yaml"],
"Werkzeug": ["werkzeug"],
"blinker": ["blinker"],
"click": ["click"],
"coloredlogs": ["coloredlogs"],
"flatbuffers": ["flatbuffers"],
"gunicorn": ["gunicorn"],
"humanfriendly": ["humanfriendly"],
"imutils": ["imutils"],
"itsdangerous": ["itsdangerous"],
"mpmath": ["mpmath"],
"numpy": ["numpy"],
"onnxruntime": ["onnxruntime"],
"opencv-python-headless": ["cv2"],
"packaging": ["packaging"],
"pillow": ["PIL"],
"protobuf": ["google"],
"pyclipper": ["pyclipper"],
"rapidocr-onnxruntime": ["rapidocr_onnxruntime"],
"scipy": ["scipy"],
"shapely": ["shapely"],
"six": ["six"],
"sympy": ["sympy"],
"tqdm": ["tqdm"],
"xgboost-cpu": ["xgboost"]
},
"modules_before": ["blinker","click","coloredlogs","flask","flatbuffers","gunicorn","humanfriendly","imutils","itsdangerous","jinja2","markupsafe","mpmath","numpy","onnxruntime","packaging","PIL","google","pyclipper","yaml","rapidocr_onnxruntime","scipy","shapely","six","sympy","tqdm","werkzeug","cv2","xgboost"],
"extras": {},
"overridden": [
{"distribution":"rapidocr-onnxruntime","requirement":"opencv-python>=4.5.1.48","name":"opencv-python","why":"opencv-python-headless serves in its place"}
],
"unsatisfied_before": [
{"distribution":"rapidocr-onnxruntime","requirement":"opencv-python>=4.5.1.48","name":"opencv-python","why":"opencv-python-headless serves in its place"}
]
}''')

MARK = "@smoke-test@"

# Runs in the process that imports: says how it went in a last line, and leaves without waiting for threads.
IMPORT = r"""
import sys
if sys.path and sys.path[0] == "":
    del sys.path[0]
import importlib, json, os
result = {"status": "ok", "message": "", "missing": None}
try:
    importlib.import_module(sys.argv[1])
except BaseException as error:
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    result = {"status": "failed", "message": "%s: %s" % (type(error).__name__, error), "missing": missing}
try:
    sys.stdout.flush()
except Exception:
    pass
os.write(1, ("\n" + sys.argv[2] + json.dumps(result) + "\n").encode("ascii"))
os._exit(0)
"""


def main():
    arguments = parse_arguments()
    if sys.path and not getattr(sys.flags, "safe_path", False) and not sys.flags.isolated:
        del sys.path[0]  # the working directory or this script's: the application's modules are not meant
    baseline = read_baseline(arguments.baseline)
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    imports = check_imports(arguments, baseline, totals)
    complaints = check_requirements(baseline, totals)
    if arguments.record:
        with open(arguments.record, "w", encoding="utf-8") as file:
            json.dump({"imports": imports, "complaints": complaints}, file, indent=1, sort_keys=True)
            file.write("\n")
    print("%(passed)d passed, %(failed)d failed, %(skipped)d skipped" % totals)
    return 1 if totals["failed"] else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--record", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--baseline", metavar="FILE", help="the results of the original image")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=120, help="for one import (%(default)s)")
    parser.add_argument("--jobs", metavar="N", type=int, default=min(os.cpu_count() or 1, 8), help="imports at a time")
    return parser.parse_args()


def read_baseline(path):
    if not path:
        return None
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def say(what, subject, message=""):
    """One line; what a module says is not to steer a terminal."""
    line = "%-8s %s%s" % (what, subject, ": " + message if message else "")
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in line)[:500])


def ascii_output():
    """A container often has no locale: what cannot be written is escaped and no error."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


# Imports


def check_imports(arguments, baseline, totals):
    jobs = [(module, name) for name, modules in sorted(FACTS["modules"].items()) for module in modules]
    results = {}
    with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, arguments.jobs)) as pool:
        outcomes = pool.map(lambda job: run_import(job[0], arguments.timeout), jobs)
        for (module, name), result in zip(jobs, outcomes):
            results[module] = result
            status, message = judge(module, result, baseline)
            totals[status] += 1
            say({"passed": "ok", "failed": "FAILED"}.get(status, status), "import %s (%s)" % (module, name), message)
    return results


def run_import(module, timeout):
    command = [sys.executable, "-c", IMPORT, module, MARK]
    environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1")
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"status": "failed", "message": "no answer in %g s" % timeout, "missing": None}
    text = output.decode("utf-8", "replace")
    before, mark, answer = text.rpartition(MARK)
    if mark:
        try:
            return json.loads(answer.split("\n")[0])
        except ValueError:
            pass
    last = text.strip().split("\n")[-1]
    return {"status": "failed", "message": "ended with %d: %s" % (process.returncode, last[:200]), "missing": None}


def judge(module, result, baseline):
    """Whether a result counts, and what to say about it."""
    if result["status"] == "ok":
        return "passed", ""
    if baseline is not None:
        before = baseline["imports"].get(module)
        if before and before["status"] != "ok":
            return "skipped", "could not be imported before either: " + before["message"]
        return "failed", result["message"]
    missing = (result.get("missing") or "").split(".")[0]
    if missing and missing not in FACTS["modules_before"]:
        return "skipped", "could not be imported before either: the original has no module %s" % missing
    return "failed", result["message"]


# Requirements


def normalized(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_distributions():
    """By normalized name. Of a name that is there twice, Python finds the first."""
    found = {}
    for distribution in importlib.metadata.distributions():
        name = distribution.metadata["Name"] if distribution.metadata else None
        if name:
            found.setdefault(normalized(name), distribution)
    return found


def requirement_class():
    for module in ("packaging.requirements", "pip._vendor.packaging.requirements"):
        try:
            return __import__(module, fromlist=["Requirement"]).Requirement
        except ImportError:
            pass
    return None


def check_requirements(baseline, totals):
    distributions = installed_distributions()
    parse = requirement_class()
    if parse is None:
        totals["skipped"] += 1
        say("skipped", "versions of requirements", "neither packaging nor pip is here to compare them; names only")
        complaints = complaints_by_name(distributions)
    else:
        complaints = complaints_by_version(distributions, parse)
    expected = {}
    for edge in FACTS["unsatisfied_before"] + FACTS["overridden"]:
        expected[normalized(edge["distribution"]), normalized(edge["name"])] = edge["why"]
    for complaint in (baseline or {}).get("complaints", []):
        expected.setdefault((complaint["distribution"], complaint["name"]), "the original has the same")
    unexpected = 0
    for complaint in complaints:
        subject = "%(distribution)s requires %(requirement)s" % complaint
        why = expected.get((complaint["distribution"], complaint["name"]))
        if why is None:
            unexpected += 1
            say("FAILED", subject, complaint["found"])
        else:
            say("expected", subject, "%s; %s" % (complaint["found"], why))
    totals["failed"] += unexpected
    if not unexpected:
        totals["passed"] += 1
        say("ok", "requirements of %d distributions" % len(distributions))
    return complaints


def complaints_by_name(distributions):
    """Without `packaging` no marker can be read: requirements without one, by name."""
    complaints = []
    for name, distribution in sorted(distributions.items()):
        for text in distribution.requires or []:
            match = re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", text)
            if match and ";" not in text and normalized(match.group()) not in distributions:
                complaints.append(complaint_about(name, text, normalized(match.group()), "it is not installed"))
    return complaints


def complaint_about(name, text, required, found):
    return {"distribution": name, "requirement": str(text), "name": required, "found": found}


def complaints_by_version(distributions, parse):
    """Follows extras from who asks for them, as an installer does."""
    extras = {name: {""} for name in distributions}
    for name, asked in FACTS["extras"].items():
        extras.setdefault(normalized(name), {""}).update(asked)
    complaints = {}
    todo = sorted(distributions)
    while todo:
        name = todo.pop()
        for text in distributions[name].requires or []:
            try:
                requirement = parse(text)
            except ValueError:  # older metadata; the installer could not read it either
                continue
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in sorted(extras[name])):
                continue
            required = normalized(requirement.name)
            if required not in distributions:
                complaints[name, text] = complaint_about(name, text, required, "it is not installed")
                continue
            version = distributions[required].version
            if not requirement.url and not admits(requirement.specifier, version):
                complaints[name, text] = complaint_about(name, text, required, "%s is installed" % version)
            if not requirement.extras <= extras[required]:
                extras[required] |= requirement.extras
                todo.append(required)
    return [complaints[key] for key in sorted(complaints)]


def admits(specifier, version):
    try:
        return specifier.contains(version, prereleases=True)
    except ValueError:  # a version that is none by PEP 440 can only be compared as text
        return "===" + str(version) in str(specifier)


if __name__ == "__main__":
    ascii_output()
    sys.exit(main())
