"""Writes small wheels into a directory, so that pip has something to install without a network.

Usage: wheels.py DIRECTORY
"""

import base64
import hashlib
import os
import sys
import zipfile


def wheel(directory, name, version, files, requires=(), extras=(), scripts=()):
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "Summary: one of the lab's wheels"]
    metadata += [f"Provides-Extra: {extra}" for extra in extras]
    metadata += [f"Requires-Dist: {requirement}" for requirement in requires]
    files = {
        **files,
        f"{info}/METADATA": "\n".join(metadata) + "\n\nName: not-this-one\nRequires-Dist: not-this-one\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: lab\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    if scripts:
        files[f"{info}/entry_points.txt"] = "[console_scripts]\n" + "\n".join(scripts) + "\n"
    rows = []
    with zipfile.ZipFile(os.path.join(directory, f"{stem}-py3-none-any.whl"), "w") as archive:
        for path, text in files.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            quoted = f'"{path}"' if "," in path else path
            rows.append(f"{quoted},sha256={digest},{len(text.encode())}")
            archive.writestr(path, text)
        archive.writestr(f"{info}/RECORD", "\n".join(rows + [f"{info}/RECORD,,"]) + "\n")


def main(directory):
    os.makedirs(directory, exist_ok=True)
    code = "value = 1\n" * 40
    for version, requires in {
        "1.0": ["lab-beta>=1", 'lab-gamma (>=0.1) ; extra == "fast"', 'lab-absent; python_version < "3"'],
        "2.0": ["lab-beta", 'lab-gamma[more]>=0.1; extra == "fast"', 'lab-absent; sys_platform == "win32"'],
    }.items():
        files = {"lab_alpha/__init__.py": code, f"lab_alpha/only_{version[0]}.py": code, "lab_alpha/data.txt": version}
        wheel(directory, "lab-alpha", version, files, requires, extras=["fast"])
    for version in ["1.0", "1.5"]:
        wheel(directory, "lab-beta", version, {"lab_beta/__init__.py": code, "lab_beta/sub/deep.py": version})
    data = "lab_gamma-0.1.data"
    gamma = {
        "lab_gamma/__init__.py": code,
        "lab_gamma/with, comma.txt": "a name that a RECORD must quote",
        "lab_gamma/caf\u00e9.txt": "a name beyond ASCII",
        f"{data}/data/share/lab/gamma.txt": "below the prefix",
        f"{data}/scripts/lab-gamma-script": "#!python\nprint()\n",
    }
    wheel(directory, "lab-gamma", "0.1", gamma, extras=["more"], scripts=["lab-gamma = lab_gamma:value"])
    wheel(directory, "Lab.Odd_Name", "1.0.post1", {"lab_odd/__init__.py": ""})
    wheel(directory, "lab-single", "3", {"lab_single.py": code, "_lab_single.cpython-311-x86_64-linux-gnu.so": code})
    wheel(directory, "lab-ns-one", "1", {"lab_ns/one/__init__.py": code})
    wheel(directory, "lab-ns-two", "1", {"lab_ns/two/__init__.py": code}, requires=["lab-ns-one<2,!=0.5"])
    wheel(directory, "lab-doomed", "1", {"lab_doomed/__init__.py": code})
    wheel(directory, "lab-unmet", "1", {"lab_unmet.py": code}, requires=["lab-epsilon", "lab-beta>=9", "lab-ns-one"])
    wheel(directory, "lab-share-a", "1", {"lab_share/__init__.py": "a = 1\n", "lab_share/same.py": code})
    wheel(directory, "lab-share-b", "1", {"lab_share/__init__.py": "b = 22\n", "lab_share/same.py": code})
    wheel(directory, "lab-local", "1.0+cpu", {"lab_local/__init__.py": code})
    wheel(directory, "lab-scripts", "1", {"lab_scripts.py": code}, scripts=["lab-scripts = lab_scripts:value"])


if __name__ == "__main__":
    main(sys.argv[1])
