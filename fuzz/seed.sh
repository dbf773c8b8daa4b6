#!/bin/sh
# Writes a first corpus for the fuzz targets, from what is on every machine with GNU tar.
set -eu
cd "$(dirname "$0")"
for target in tar_index metadata record manifest databases requirement recorded tar_split inspect challenge docker_config reference toc zip pylock dockerfile source context budget_config budget_lock requirements locks rpm compose imports; do mkdir -p "corpus/$target"; done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(
    cd "$work"
    mkdir -p d/site-packages/x-1.dist-info
    printf 'Name: x\nVersion: 1\nRequires-Dist: y[z]>=2,<3; python_version > "3.8"\nProvides-Extra: z\n\ntext\n' >d/METADATA
    cp d/METADATA d/site-packages/x-1.dist-info/METADATA
    printf 'x.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0\n"a,b",,\n' >d/RECORD
    cp d/RECORD d/site-packages/x-1.dist-info/RECORD
    echo import x >d/a.py
    ln -s a.py d/link
    ln d/a.py d/hard
    : >d/.wh.gone
    : >d/.wh..wh..opq
    mkfifo d/pipe
    truncate -s 100000 d/holes
    printf x >>d/holes
    : >"d/$(printf 'n%.0s' $(seq 150))"
)
number=0
for form in v7 ustar gnu posix "gnu --sparse" "posix --sparse --sparse-version=0.0" "posix --sparse --sparse-version=0.1" "posix --sparse"; do
    number=$((number + 1))
    # shellcheck disable=SC2086
    tar -C "$work" -cf "corpus/tar_index/$number" --format=$form d 2>/dev/null || true
done
gzip -c corpus/tar_index/4 >corpus/tar_index/gzip
cp "$work/d/METADATA" corpus/metadata/1
cp "$work/d/RECORD" corpus/record/1
digest=sha256:$(printf '%064d' 0)
descriptor="{\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\"digest\":\"$digest\",\"size\":2,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}}"
echo "[{\"Config\":\"a.json\",\"RepoTags\":[\"a:1\"],\"Layers\":[\"b/layer.tar\"]}]" >corpus/manifest/docker
echo "{\"schemaVersion\":2,\"manifests\":[$descriptor]}" >corpus/manifest/index
echo "{\"schemaVersion\":2,\"config\":$descriptor,\"layers\":[$descriptor]}" >corpus/manifest/manifest
echo "{\"os\":\"linux\",\"architecture\":\"amd64\",\"config\":{\"Env\":[\"A=b\"],\"Cmd\":[\"c\"],\"Healthcheck\":{\"Test\":[\"NONE\"]}},\"rootfs\":{\"diff_ids\":[\"$digest\"]},\"history\":[{\"created_by\":\"/bin/sh -c #(nop) CMD x\",\"empty_layer\":true}]}" >corpus/manifest/config
printf 'Package: a\nVersion: 1\nStatus: install ok installed\nDepends: b (>= 1) | c, d:any\nPriority: required\n\n' >corpus/databases/dpkg
printf 'P:a\nV:1\nA:x\nD:so:b !c d>1\np:cmd:a=1\nF:usr/bin\nR:a\n\n' >corpus/databases/apk
printf '0123  usr/bin/a\nID="x"\n' >corpus/databases/other
printf -- '-r other.txt\na[b]==1.0 ; python_version < "3" --hash=sha256:00\n-e git+https://github.com/a/b@c#egg=d\nname @ https://example.org/x.whl\n' >corpus/requirement/1
printf '{"type":2,"payload":"%s","position":0}\n{"type":1,"name":"d/a","size":9,"payload":"AAAAAAAAAAA=","position":1}\n{"type":1,"name_raw":"/w==","size":1}\n{"type":2,"payload":"AAAA"}\n' "$(head -c 600 corpus/tar_index/1 | base64 -w 0)" >corpus/tar_split/1
echo "{\"Id\":\"$digest\",\"RepoTags\":[\"a:1\"],\"Size\":1,\"Architecture\":\"amd64\",\"Os\":\"linux\",\"GraphDriver\":{\"Name\":\"overlay2\"},\"RootFS\":{\"Layers\":[\"$digest\"]}}" >corpus/inspect/image
echo '{"DockerRootDir":"/var/lib/docker","Driver":"overlay2","ServerVersion":"20.10.24"}' >corpus/inspect/info
printf 'Negotiate, Basic realm="a \\" b", Bearer realm="https://example.org/token",service=x,scope="repository:a/b:pull"' >corpus/challenge/1
printf '{"auths":{"https://index.docker.io/v1/":{"auth":"dXNlcjpwYXNz"},"example.org/a":{"identitytoken":"x"}},"credHelpers":{"localhost:5000":"y"},"credsStore":"z"}' >corpus/docker_config/1
printf '{"https://example.org/v1/":{"auth":"dXNlcjpwYXNz","email":"x"}}' >corpus/docker_config/old
printf 'alpine' >corpus/reference/hub
printf '[::1]:5000/a__b/c.d-e:T_1@%s' "$digest" >corpus/reference/whole
echo '{"version":1,"entries":[{"name":"a/","type":"dir","mode":493,"modtime":"2019-08-20T10:30:43Z"},{"name":"a/b.py","type":"reg","size":9,"offset":1,"endOffset":22,"chunkSize":4,"digest":"'"$digest"'"},{"name":"a/b.py","type":"chunk","offset":5,"chunkOffset":4,"chunkDigest":"'"$digest"'"},{"name":"l","type":"symlink","linkName":"a","xattrs":{"user.a":"AA=="}},{"name":"h","type":"hardlink","linkName":"a/b.py"},{"name":"c","type":"char","devMajor":1,"devMinor":3},{"name":"a/.wh.x","type":"reg"}]}' >corpus/toc/1
printf '%s' UEsDBBQAAAAAAAAAIQDCQSQ1AwAAAAMAAAAGAAAAYS9iLnB5YWJjUEsBAhQDFAAAAAAAAAAhAMJBJDUDAAAAAwAAAAYAAAAAAAAAAAAAAIABAAAAAGEvYi5weVBLBQYAAAAAAQABADQAAAAnAAAAAAA= | base64 -d >corpus/zip/1
printf 'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "a"\nversion = "1"\nsdist = { url = "https://u:p@example.org/a-1.tar.gz?x#y", size = 1, hashes = { sha256 = "00" } }\nwheels = [{ path = "a-1-py3-none-any.whl", hashes = {} }]\n' >corpus/pylock/1
printf 'machine example.org login u password p\ndefault login x\n' >corpus/pylock/netrc
printf '# escape=`\nFROM a AS b\nRUN --mount=type=cache,target=/x apt-get update && apt-get install -y `\n # why\n  gcc "g++" 2>&1\nRUN <<E\npip install -r r.txt\nE\nRUN ["a", "b"]\nCOPY --from=b <<X /y\nz\nX\n' >corpus/dockerfile/1
printf 'import a.b as c, d\ntry:\n    from e import f as g\nexcept ImportError:\n    pass\nx = c.y("cuda:0", gpu=True).cuda() if c.is_available() else f"{g.h!r:>{4}}"\n__import__(x)\nINSTALLED_APPS = ["i"]\n' >corpus/source/1
printf 'FROM python:3.11 AS a\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt && rm -rf ~/.cache *.pyc\nRUN find / \\( -name a -o -type d \\) -delete; chown -R 1:1 /app; mv a b; bash -c "cp -r b c"\nFROM scratch\nCOPY --from=a --chown=1 /app/ /app/\nADD <<E /x\ny\nE\n%%%%\n**/*.log\n!a?[b-c]\n' >corpus/context/1
printf 'python = true\nforbid = ["nvidia-*"]\nlimits.unpacked = { max = "1.2 GiB", warn = "900 MB" }\n[limits.distributions]\n"a_b*" = "0 B"\n[limits.findings]\nauto = 0\n[growth]\nwire = ["5 %%", "1 MB"]\n[[image]]\nname = "**/x"\nlimits.unpacked = "none"\n[[accept]]\nrule = "a"\nsubject = "*"\nreason = "b"\nexpires = 2026-12-31\n' >corpus/budget_config/1
printf 'distributions.nvidia-*=0 B' >corpus/budget_config/limit
printf 'version = 1\n[[image]]\nname = "a"\nplatform = "linux/amd64"\nbasis = "measured"\n[image.unpacked]\ntotal = 3\nown-layers = 1\ndead-bytes = 0\nbase = 2\ncaches = 0\napplication = 0\nlayers = [\n{ bytes = 2, digest = "x" },\n{ bytes = 1, instruction = "RUN y" },\n]\n[image.unpacked.distributions]\n"t" = { bytes = 1, version = "2" }\n[image.unpacked.os-packages]\n"g" = 1\n[image.wire]\ntotal = 1\nown-layers = 0\nlayers = [\n{ bytes = 1 },\n]\n' >corpus/budget_lock/1
printf 'a[b]>=1,<2 ; python_version > "3" # x\nc==1 \\\n --hash=sha256:00\n-e ./d\n-r e.txt\n-i https://${A}@example.org\nf @ https://example.org/f.whl\n' >corpus/requirements/lines
printf '[console_scripts]\na = b:c.d [e]\n' >corpus/requirements/scripts
printf "python_version >= '3.8' and (extra == 'x' or 'y' in dependency_groups)" >corpus/requirements/marker
printf 'version = 1\n[[package]]\nname = "a"\nsource = { editable = "." }\ndependencies = [{ name = "b", extra = ["x"], marker = "os_name == '"'posix'"'" }]\n[[package]]\nname = "b"\nversion = "1"\nsource = { registry = "https://example.org" }\nwheels = [{ url = "https://example.org/b-1-py3-none-any.whl", hash = "sha256:00", size = 1 }]\n' >corpus/locks/uv
printf '[[package]]\nname = "a"\nversion = "1"\ngroups = ["main"]\nmarkers = "os_name == '"'posix'"'"\nfiles = [{ file = "a.whl", hash = "sha256:00" }]\n[package.dependencies]\nb = { version = "^1", optional = true }\n[metadata]\ngroups = ["default"]\n' >corpus/locks/poetry
printf '{"_meta": {"sources": [{"name": "x", "url": "https://example.org"}]}, "default": {"a": {"version": "==1", "hashes": ["sha256:00"], "index": "x"}}}' >corpus/locks/pipfile
printf '[project]\nname = "a"\ndependencies = ["b>=1"]\n[dependency-groups]\ndev = ["c", { include-group = "d" }]\nd = ["e"]\n[tool.poetry.dependencies]\nf = { version = "^1.2", python = "~3.8" }\n' >corpus/locks/project
printf 'x-a: &a {image: "x:${T:-1}"}\nservices:\n  a: {<<: *a, mem_limit: 1e9, deploy: {resources: {limits: {cpus: "1"}}}, build: {context: ., args: [A=b], dockerfile_inline: "FROM x"}}\n  b: {extends: a, command: celery -A x worker -c 4, environment: [C], memswap_limit: -1}\ninclude: [y.yaml]\n' >corpus/compose/1
printf 'x\n{"python":"3.11.7","executable":"/usr/bin/python3","left_out":0,"bare":null,"alone":[],"in_order":[],"owners":[],"in_order_ended":"0","owners_ended":"-9"}\n' >corpus/imports/1
cp ../testdata/rpm/* corpus/rpm/
