#!/usr/bin/env python3
"""Compares two images path by path, each flattened by Python's tarfile and by nothing of slimwright's.

    compare.py BEFORE.tar AFTER.tar

Both are what `docker export` wrote, or archives of `docker save` whose layers are merged here. Prints the paths that only one
has or that differ, and in what; the exit code is 1 where there is any.
"""

import hashlib
import io
import json
import sys
import tarfile


def clean(name):
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def entry(tar, member, links):
    """What a container sees of a member: a hard link is the file that it leads to."""
    kind, content, target = member.type, None, member.linkname
    if member.islnk():
        target = None
        kind, content = tarfile.REGTYPE, links(clean(member.linkname))["content"]
    elif member.isfile():
        kind, target = tarfile.REGTYPE, None
        digest = hashlib.sha256()
        body = tar.extractfile(member)
        while chunk := body.read(1 << 20):
            digest.update(chunk)
        content = digest.hexdigest()
    xattrs = {key: value for key, value in member.pax_headers.items() if key.startswith("SCHILY.xattr.")}
    mode = None if member.issym() else member.mode & 0o7777
    return {
        "kind": kind, "mode": mode, "owner": (member.uid, member.gid), "time": member.mtime,
        "link": target, "xattrs": xattrs, "content": content,
    }


def below(tree, path):
    return [other for other in tree if other.startswith(path + "/")]


def lay(tree, tar):
    """Puts a layer over what is there: whiteouts hide what is below the layer, wherever they stand in it."""
    new = {}
    for member in tar:
        path = clean(member.name)
        folder, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            for other in below(tree, folder):
                del tree[other]
        elif name.startswith(".wh."):
            hidden = clean(folder + "/" + name[4:])
            for other in below(tree, hidden) + [hidden]:
                tree.pop(other, None)
        elif path:
            new[path] = entry(tar, member, lambda name: new.get(name) or tree[name])
    for path, found in new.items():
        if found["kind"] != tarfile.DIRTYPE and path in tree:
            for other in below(tree, path):
                if other not in new:
                    del tree[other]
        tree[path] = found


def read(name):
    tree = {}
    with tarfile.open(name, "r:") as tar:
        names = tar.getnames()
        if "manifest.json" not in names:
            lay(tree, tar)
            return tree
        row = json.load(tar.extractfile("manifest.json"))[0]
        for layer in row["Layers"]:
            member = tar.getmember(layer)
            while member.issym():
                member = tar.getmember(clean(layer.rpartition("/")[0] + "/../" + member.linkname.replace("../", "")))
            body = tar.extractfile(member)
            head = body.read(4)
            body.seek(0)
            if head[:2] == b"\x1f\x8b":
                import gzip
                body = gzip.open(body)
            with tarfile.open(fileobj=io.BufferedReader(body), mode="r|") as layer_tar:
                lay(tree, layer_tar)
    return tree


def main():
    before, after = read(sys.argv[1]), read(sys.argv[2])
    rows = []
    for path in sorted(before.keys() | after.keys()):
        old, new = before.get(path), after.get(path)
        if old is None or new is None:
            rows.append(f"{'+' if old is None else '-'} {path}")
        elif old != new:
            fields = ", ".join(f"{key} {old[key]!r} -> {new[key]!r}" for key in old if old[key] != new[key])
            rows.append(f"~ {path}: {fields}")
    print("\n".join(rows))
    print(f"{len(before)} paths before, {len(after)} after, {len(rows)} differences", file=sys.stderr)
    sys.exit(1 if rows else 0)


if __name__ == "__main__":
    main()
