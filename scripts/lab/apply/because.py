#!/usr/bin/env python3
"""Why each path differs that compare.py found different between an original and what `apply` made of it.

    because.py ORIGINAL.tar APPLIED.tar LAYOUT RULES < DIFFERENCES

Reads the packages' own lists (dpkg's and apk's), RECORDs and bytecode's names with Python alone, and the patterns of the rules that the image
says it followed from the folder RULES. Prints how many paths each reason has, and every path without one; the exit code is 1
where there is any, or where something that was to go is there.
"""

import csv
import json
import posixpath
import re
import sys
import tarfile
import tomllib

OF_ENGINE = re.compile(r"(\.dockerenv|dev(/.*)?|proc|sys|etc|etc/(hosts|hostname|resolv\.conf|mtab))$")
NOTES = {"var/lib/dpkg/status", "var/lib/apt/extended_states", "etc/ld.so.cache", "lib/apk/db/installed", "etc/apk/world",
         "lib/apk/db/triggers", "lib/apk/db/scripts.tar"}


def clean(name):
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def regex(glob):
    out, parts = "", glob.split("/")
    for at, part in enumerate(parts):
        if part == "**":
            out += ".*" if at == len(parts) - 1 else "(?:[^/]*/)*"
        else:
            out += "".join({"*": "[^/]*", "?": "[^/]"}.get(c, re.escape(c)) for c in part) + ("/" if at < len(parts) - 1 else "")
    return re.compile(out + "$", re.S)


class Tree:
    """Paths of a flattened image, and the texts that tell whose they are."""

    def __init__(self, name):
        self.kinds, self.links, self.texts = {}, {}, {}
        wanted = re.compile(r"var/lib/dpkg/(status|info/[^/]*\.list)$|lib/apk/db/installed$|.*\.dist-info/RECORD$|.*/installed-files\.txt$|var/lib/dpkg/alternatives/")
        with tarfile.open(name) as tar:
            for member in tar:
                path = clean(member.name)
                self.kinds[path] = member.type
                self.links[path] = member.linkname if member.issym() else None
                if member.isfile() and wanted.match(path):
                    self.texts[path] = tar.extractfile(member).read().decode(errors="surrogateescape")
        folders = [path for path, kind in self.kinds.items() if kind == tarfile.SYMTYPE]
        self.moved = {path: clean(posixpath.join(posixpath.dirname(path), self.links[path])) for path in folders
                      if path in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")}

    def real(self, path):
        first, _, rest = path.partition("/")
        return f"{self.moved[first]}/{rest}" if first in self.moved and rest else path

    def packages(self):
        """Name of a package of dpkg's or apk's: its paths."""
        out = {}
        for path, text in self.texts.items():
            if path.startswith("var/lib/dpkg/info/"):
                name = posixpath.basename(path)[: -len(".list")].split(":")[0]
                out.setdefault(name, set()).update(self.real(clean(line)) for line in text.splitlines())
            elif path == "lib/apk/db/installed":
                for stanza in text.split("\n\n"):
                    name, folder = None, ""
                    for line in stanza.splitlines():
                        if line[:2] == "P:":
                            name = line[2:]
                        elif line[:2] == "F:":
                            folder = line[2:]
                        elif line[:2] == "R:":
                            out.setdefault(name, set()).add(clean(f"{folder}/{line[2:]}"))
        return out

    def distributions(self):
        """Normalized name of a distribution: the paths of its RECORD, and its metadata's folder."""
        out = {}
        for path, text in self.texts.items():
            if not path.endswith(".dist-info/RECORD"):
                continue
            folder = posixpath.dirname(path)
            name = normal(posixpath.basename(folder)[: -len(".dist-info")].split("-")[0])
            rows = {posixpath.normpath(posixpath.join(posixpath.dirname(folder), row[0])) for row in csv.reader(text.splitlines()) if row}
            found, folders = out.setdefault(name, (set(), set()))
            found.update(clean(row) for row in rows)
            folders.add(folder)
        return out


def account(layout):
    index = json.load(open(f"{layout}/index.json"))
    blob = lambda digest: json.load(open(f"{layout}/blobs/sha256/{digest.split(':')[1]}"))
    config = blob(blob(index["manifests"][0]["digest"])["config"]["digest"])
    rows = [row.get("created_by", "") for row in config["history"]]
    found = [row for row in rows if row.startswith("slimwright apply {")]
    return json.loads(found[-1].removeprefix("slimwright apply ")) if found else {}


def source_of(path):
    folder, name = posixpath.split(path)
    if not name.endswith(".pyc") or posixpath.basename(folder) != "__pycache__":
        return None
    return f"{posixpath.dirname(folder)}/{name.split('.')[0]}.py"


class Reasons:
    def __init__(self, before, after, told, folder):
        self.before, self.after = before, after
        gone = set(told.get("dropped", ())) | {one["instead-of"] for one in told.get("installed", ())}
        self.new = {one["name"] for one in told.get("installed", ())}
        packages = before.packages()
        self.packages = set(told.get("packages", ()))
        stay = set().union(*(paths for name, paths in packages.items() if name not in self.packages), set())
        self.of_packages = set().union(*(paths for name, paths in packages.items() if name in self.packages), set()) - stay
        dists = before.distributions()
        self.of_dists = set().union(*(dists[name][0] for name in gone if name in dists), set())
        self.metadata = set().union(*(dists[name][1] for name in gone if name in dists), set())
        now = after.distributions()
        self.of_new = set().union(*(now[name][0] for name in self.new if name in now), set())
        self.globs = []
        for rule in told.get("rules", ()):
            detect = tomllib.load(open(f"{folder}/{rule}.toml", "rb"))["detect"]
            self.globs.append((rule, [regex(glob) for glob in detect["globs"]], [regex(glob) for glob in detect.get("except", ())]))

    def rule(self, path):
        return next((rule for rule, globs, but in self.globs
                     if any(glob.match(path) for glob in globs) and not any(glob.match(path) for glob in but)), None)

    def owned(self, path):
        if path in self.of_packages:
            return "OS packages that go"
        if path in self.of_dists or any(path.startswith(folder + "/") for folder in self.metadata):
            return "distributions that go or come anew"
        found = re.match(r"var/lib/dpkg/info/([^/]*?)(:[^/.]*)?\.[a-z0-9]+$", path)
        if found and found[1] in self.packages:
            return "dpkg's notes of packages that go"
        return self.rule(path) and f"rule {self.rule(path)}"

    def why(self, sign, path):
        if OF_ENGINE.match(path):
            return "the engine's own"
        if sign == "+":
            if path in self.of_new:
                return "from a wheel"
            folder = any(new.startswith(path + "/") for new in self.of_new)
            return "from a wheel" if folder and self.after.kinds[path] == tarfile.DIRTYPE else None
        if sign == "~" and path in NOTES:
            return "the package manager's and the loader's lists"
        if sign == "~" and path in self.of_new:
            return "from a wheel"
        if sign == "~":
            return None
        if why := self.owned(path):
            return why
        source = source_of(path)
        if source and self.owned(source):
            return f"bytecode: {self.owned(source)}"
        if path.startswith(("etc/alternatives/", "var/lib/dpkg/alternatives/")) or self.before.links.get(path, "") and self.before.links[path].startswith("/etc/alternatives/"):
            return "alternatives of packages that go"
        return None

    def folders(self, left):
        """Folders of which everything went."""
        gone = {path for sign, path in left if sign == "-" and self.before.kinds[path] == tarfile.DIRTYPE}
        full = set()
        for path in self.after.kinds:
            while path := posixpath.dirname(path):
                full.add(path)
        return gone - full


def main():
    before, after = Tree(sys.argv[1]), Tree(sys.argv[2])
    reasons = Reasons(before, after, account(sys.argv[3]), sys.argv[4])
    counts, left = {}, []
    for row in sys.stdin:
        sign, path = row[0], row.rstrip("\n")[2:]
        path = path.split(": ")[0] if sign == "~" else path
        why = reasons.why(sign, path)
        counts[why] = counts.get(why, 0) + 1
        left += [] if why else [(sign, path)]
    empty = reasons.folders(left)
    left = [row for row in left if row[1] not in empty]
    counts.pop(None, None)
    counts["folders of which all went"] = len(empty)
    for why, count in sorted(counts.items(), key=lambda row: -row[1]):
        print(f"{count:7} {why}")
    still = [path for path in reasons.of_packages if after.kinds.get(path, tarfile.DIRTYPE) != tarfile.DIRTYPE]
    still += [path for name in reasons.packages for path in after.packages().get(name, ())]
    for sign, path in left:
        print(f"without a reason: {sign} {path}")
    for path in still:
        print(f"still there: {path}")
    sys.exit(1 if left or still else 0)


if __name__ == "__main__":
    main()
