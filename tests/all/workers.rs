//! What a command runs: how many processes, and how they begin.

use slimwright::workers::{Basis, Container, Count, Files, Setting, Start, Worker, Workers, levers, read, read_in};
use std::collections::BTreeMap;

/// A container's files, by their paths.
#[derive(Debug)]
struct Given<'g>(&'g [(&'g str, &'g str)]);

impl Files for Given<'_> {
    fn read(&self, path: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == path).map(|(_, text)| (*text).to_owned())
    }
}

/// What runs in `/app` with these files.
fn within(files: &[(&str, &str)], entrypoint: &str, command: &str, environment: &[(&str, &str)]) -> Workers {
    let environment: BTreeMap<String, Option<String>> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    let setting = Setting { environment: &environment, cpus: Some(8.0) };
    let container = Container { directory: Some("/app"), files: Some(&Given(files)) };
    read_in(&split(entrypoint), &split(command), setting, container)
}

fn only(found: Workers) -> Worker {
    match found {
        Workers::Known(mut all) if all.len() == 1 => all.remove(0),
        other => panic!("{other:?}"),
    }
}

fn split(text: &str) -> Vec<String> {
    // Words between bars; a bar is in no command here.
    match text.contains('|') {
        true => text.split('|').map(str::to_owned).collect(),
        false => text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
    }
}

fn run(entrypoint: &str, command: &str, environment: &[(&str, &str)]) -> Workers {
    let environment: BTreeMap<String, Option<String>> =
        environment.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))).collect();
    read(&split(entrypoint), &split(command), Setting { environment: &environment, cpus: Some(8.0) })
}

fn one(command: &str, environment: &[(&str, &str)]) -> Worker {
    match run("", command, environment) {
        Workers::Known(mut all) if all.len() == 1 => all.remove(0),
        other => panic!("{command}: {other:?}"),
    }
}

#[test]
fn commands_say_how_many_processes_there_are() {
    use Start::{Fork, ForkAfterLoad, Single, Spawn};
    for (command, program, processes, others, start) in [
        ("celery -A app worker -c 4", "celery worker", Count::Is(4), 1, ForkAfterLoad),
        ("celery -A worker worker --concurrency=2 -l info", "celery worker", Count::Is(2), 1, ForkAfterLoad),
        ("celery -A app worker -c2 -B", "celery worker", Count::Is(2), 2, ForkAfterLoad),
        ("celery -A app worker", "celery worker", Count::HostCpus(Some(8)), 1, ForkAfterLoad),
        ("celery -A app worker --autoscale=3,10", "celery worker", Count::Is(10), 1, ForkAfterLoad),
        ("celery -A app worker -P solo", "celery worker", Count::Is(1), 0, Single),
        ("celery -A app worker -P threads -c 4", "celery worker", Count::Is(1), 0, Single),
        ("celery -A app worker --pool-start-method spawn -c 4", "celery worker", Count::Is(4), 2, Spawn),
        ("celery -A worker beat", "celery beat", Count::Is(1), 0, Single),
        ("python -m celery -A app worker -c 3", "celery worker", Count::Is(3), 1, ForkAfterLoad),
        ("gunicorn app:app", "gunicorn", Count::Is(1), 1, Fork),
        ("gunicorn -w 4 -k uvicorn.workers.UvicornWorker app:app", "gunicorn", Count::Is(4), 1, Fork),
        ("gunicorn --workers=4 --preload app:app", "gunicorn", Count::Is(4), 1, ForkAfterLoad),
        ("gunicorn -c conf.py app:app", "gunicorn", Count::NotKnown, 1, Fork),
        ("uvicorn app:app", "uvicorn", Count::Is(1), 0, Single),
        ("uvicorn app:app --workers 4", "uvicorn", Count::Is(4), 1, Spawn),
        ("/opt/venv/bin/python3.11 -u -m uvicorn app:app --workers 2", "uvicorn", Count::Is(2), 1, Spawn),
        ("hypercorn app:app", "hypercorn", Count::Is(1), 1, Spawn),
        ("granian --workers 2 app:app", "granian", Count::Is(2), 1, Fork),
        ("dramatiq app", "dramatiq", Count::HostCpus(Some(8)), 1, Fork),
        ("dramatiq app --processes 2 --use-spawn", "dramatiq", Count::Is(2), 1, Spawn),
        ("rq worker high", "rq worker", Count::Is(1), 1, Fork),
        ("rq worker-pool -n 3", "rq worker-pool", Count::Is(3), 1, Fork),
        ("taskiq worker app:broker", "taskiq worker", Count::Is(2), 1, Spawn),
        ("uwsgi --master -p 4 --http :80", "uwsgi", Count::Is(4), 1, ForkAfterLoad),
        ("uwsgi --processes=2 --lazy-apps", "uwsgi", Count::Is(2), 0, Fork),
        ("uwsgi app.ini", "uwsgi", Count::NotKnown, 0, ForkAfterLoad),
        ("huey_consumer app.huey -w 4", "huey", Count::Is(1), 0, Single),
        ("huey_consumer app.huey -w 4 -k process", "huey", Count::Is(4), 1, Fork),
        ("streamlit run app.py", "streamlit", Count::Is(1), 0, Single),
        ("python manage.py runserver 0:80", "django runserver", Count::Is(1), 0, Single),
        ("sh|-c|python manage.py migrate && exec gunicorn -w 3 app", "gunicorn", Count::Is(3), 1, Fork),
        ("bash|-lc|gunicorn -w $(nproc) app", "gunicorn", Count::HostCpus(Some(8)), 1, Fork),
        ("sh|-c|gunicorn -w $((2*2)) app", "gunicorn", Count::Is(4), 1, Fork),
        ("sh|-c|gunicorn -w $((2 * $(nproc) + 1)) app", "gunicorn", Count::HostCpus(Some(17)), 1, Fork),
        ("sh|-c|gunicorn -w $(cat workers) app", "gunicorn", Count::NotKnown, 1, Fork),
        ("su|app|-c|gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("python -m debugpy --listen 0:5678 -m uvicorn app:app --workers 2", "uvicorn", Count::Is(2), 1, Spawn),
        ("serve run app:main", "serve run", Count::NotKnown, 1, Spawn),
        ("uv run --frozen gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("poetry run celery -A app worker -c 2", "celery worker", Count::Is(2), 1, ForkAfterLoad),
        ("tini -g -- gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("gosu app gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("env A=1 B=2 gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("wait-for-it.sh db:5432 -t 60 -- gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        ("timeout -k 5 60 gunicorn -w 2 app", "gunicorn", Count::Is(2), 1, Fork),
        (
            "watchmedo auto-restart -d . -p *.py -- celery -A a worker -c 1",
            "celery worker",
            Count::Is(1),
            1,
            ForkAfterLoad,
        ),
    ] {
        let worker = one(command, &[]);
        let found = (worker.program.as_str(), worker.processes, worker.others, worker.start);
        assert_eq!(found, (program, processes, others, start), "{command}");
    }
}

#[test]
fn variables_count_where_programs_read_them() {
    assert_eq!(one("gunicorn app", &[("WEB_CONCURRENCY", "5")]).processes, Count::Is(5));
    assert_eq!(one("gunicorn -w 2 app", &[("WEB_CONCURRENCY", "5")]).processes, Count::Is(2));
    assert_eq!(one("gunicorn app", &[("GUNICORN_CMD_ARGS", "--workers=3 --preload")]).start, Start::ForkAfterLoad);
    assert_eq!(
        one("gunicorn -w 2 app", &[("GUNICORN_CMD_ARGS", "--workers=3")]).processes,
        Count::Is(2),
        "the command goes last"
    );
    assert_eq!(one("uvicorn app", &[("UVICORN_WORKERS", "3")]).processes, Count::Is(3));
    assert_eq!(one("uvicorn app", &[("WEB_CONCURRENCY", "x")]).processes, Count::NotKnown);
    assert_eq!(one("sh|-c|gunicorn -w ${N:-4} app", &[("N", "6")]).processes, Count::Is(6));
    assert_eq!(one("sh|-c|gunicorn -w ${N:-4} app", &[]).processes, Count::Is(4));
}

#[test]
fn what_is_not_known_is_never_one_process() {
    for command in [
        "./start.sh",
        "supervisord -n",
        "node server.js",
        "python app.py",
        "sh -c ./run",
        "celery",
        "celery -A worker",
        "uv sync",
    ] {
        assert!(matches!(run("", command, &[]), Workers::Unknown(_)), "{command}");
    }
    assert_eq!(run("", "", &[]), Workers::Nothing);
    let Workers::Known(all) = run("/docker-entrypoint.sh", "gunicorn -w 2 app", &[]) else { panic!() };
    assert_eq!(all[0].through.as_deref(), Some("docker-entrypoint.sh"));
    let Workers::Known(all) = run("", "sh|-c|celery -A a worker -c 2 & gunicorn -w 2 app", &[]) else { panic!() };
    assert_eq!(all.iter().map(|worker| worker.program.as_str()).collect::<Vec<_>>(), ["celery worker", "gunicorn"]);
}

#[test]
fn reloaders_threads_and_bounds_are_read() {
    assert!(one("uvicorn app --reload", &[]).is_reloader);
    assert!(one("python manage.py runserver", &[]).is_reloader);
    assert!(!one("python manage.py runserver --noreload", &[]).is_reloader);
    assert!(one("watchmedo auto-restart -- celery -A a worker -c 1", &[]).is_reloader);
    assert_eq!(one("gunicorn --threads 4 app", &[]).threads, Some(4));
    assert_eq!(one("dramatiq app -p 1", &[]).threads, Some(8));
    assert_eq!(one("celery worker -P gevent -c 100", &[]).threads, Some(100));
    assert_eq!(one("celery worker -c 1 --max-memory-per-child=300000", &[]).memory_per_child, Some(300_000));
}

#[test]
fn levers_are_those_of_the_start() {
    let ids =
        |command: &str| -> Vec<&str> { levers(&one(command, &[])).iter().map(|lever| lever.id.as_str()).collect() };
    assert!(ids("gunicorn -w 4 app").contains(&"preload"));
    assert!(!ids("gunicorn -w 4 --preload app").contains(&"preload"));
    assert!(ids("celery worker -c 4").contains(&"gc-freeze"));
    assert!(!ids("uvicorn app --workers 4").contains(&"gc-freeze"));
}

#[test]
fn settings_of_gunicorn_are_read_as_python_would() {
    let python = |text: &str, environment: &[(&str, &str)]| {
        only(within(&[("/app/conf.py", text)], "", "gunicorn -c conf.py app", environment))
    };
    for (text, processes) in [
        ("workers = 4", Count::Is(4)),
        ("workers = 2 * 3 - 1", Count::Is(5)),
        ("workers = int(7 / 2)", Count::Is(3)),
        ("import multiprocessing\nworkers = multiprocessing.cpu_count() * 2 + 1", Count::HostCpus(Some(17))),
        ("from os import cpu_count as n\nworkers = min(n() or 1, 4)", Count::HostCpus(Some(4))),
        ("import os\nworkers = len(os.sched_getaffinity(0))", Count::HostCpus(Some(8))),
        ("import os\nworkers = int(os.environ.get('N', '3'))", Count::Is(6)),
        ("import os\nworkers = int(os.getenv('UNSET', 3))", Count::Is(3)),
        ("import os\nworkers = os.getenv('UNSET') or 2", Count::Is(2)),
        (
            "from os import environ\nif 'N' in environ:\n    workers = int(environ['N'])\nelse:\n    workers = 1",
            Count::Is(6),
        ),
        ("workers = 2\nworkers += 3", Count::Is(5)),
        ("def count(of=2):\n    if of > 1:\n        return of * 2\n    return 1\nworkers = count()", Count::Is(4)),
        ("import os\ntry:\n    workers = int(os.environ['UNSET'])\nexcept KeyError:\n    workers = 2", Count::NotKnown),
        ("import app\nworkers = app.workers()", Count::NotKnown),
        ("import random\nif random.random() > 0.5:\n    workers = 2\nelse:\n    workers = 4", Count::NotKnown),
        ("import random\nif random.random() > 0.5:\n    workers = 2\nelse:\n    workers = 2", Count::Is(2)),
        ("for workers in (1, 2):\n    pass", Count::NotKnown),
        ("from settings import *", Count::NotKnown),
        (
            "import os\nworkers = 2\nfor key, value in os.environ.items():\n    locals()[key.lower()] = value",
            Count::NotKnown,
        ),
        ("workers = 2\nglobals().update(load())", Count::NotKnown),
        ("bind = ':80'", Count::Is(1)),
    ] {
        assert_eq!(python(text, &[("N", "6")]).processes, processes, "{text}");
    }
    let worker = python("workers = 3\nthreads = 2\npreload_app = True\nreload = True", &[]);
    assert_eq!((worker.start, worker.threads, worker.is_reloader), (Start::ForkAfterLoad, Some(2), true));
    assert_eq!(worker.basis, Basis::File("conf.py".to_owned()));
    assert_eq!(worker.config, None, "it was read");
}

#[test]
fn the_command_goes_before_the_file_and_the_file_before_the_variable() {
    let files = [("/app/gunicorn.conf.py", "workers = 3\n")];
    let run = |command: &str| only(within(&files, "", command, &[("WEB_CONCURRENCY", "9")]));
    assert_eq!(run("gunicorn app").processes, Count::Is(3), "it is read where it is there");
    assert_eq!(run("gunicorn -w 2 app").processes, Count::Is(2));
    let missing = run("gunicorn -c other.py app");
    assert_eq!((missing.processes, missing.config.as_deref()), (Count::NotKnown, Some("other.py")));
    let broken = only(within(&[("/app/gunicorn.conf.py", "workers = (")], "", "gunicorn app", &[]));
    assert_eq!((broken.processes, broken.config.as_deref()), (Count::NotKnown, Some("gunicorn.conf.py")));
}

#[test]
fn settings_of_other_servers_are_read() {
    let ini = "[uwsgi]\nmodule = app\nmaster = true\nprocesses = %(n)\nn = 3\nthreads = 2\nlazy-apps = true\n";
    let worker = only(within(&[("/etc/u.ini", ini)], "", "uwsgi --ini /etc/u.ini", &[]));
    assert_eq!((worker.processes, worker.others, worker.start), (Count::Is(3), 1, Start::Fork));
    assert_eq!(worker.threads, Some(2));
    let ini = "[uwsgi]\nworkers = $(N)\n";
    let run = |environment: &[(&str, &str)]| only(within(&[("/app/u.ini", ini)], "", "uwsgi u.ini", environment));
    assert_eq!(run(&[("N", "5")]).processes, Count::Is(5));
    assert_eq!(run(&[]).processes, Count::NotKnown);
    let worker = only(within(&[("/app/h.toml", "bind = \"0:80\"\nworkers = 4\n")], "", "hypercorn -c h.toml app", &[]));
    assert_eq!((worker.processes, worker.start), (Count::Is(4), Start::Spawn));
    let service = "import bentoml\n@bentoml.service(workers=3, traffic={'timeout': 9})\nclass Svc:\n    pass\n";
    let worker = only(within(&[("/app/service.py", service)], "", "bentoml serve service:Svc", &[]));
    assert_eq!(worker.processes, Count::Is(3));
    let deployed = "from ray import serve\n@serve.deployment(num_replicas=2)\nclass A:\n    pass\n@serve.deployment\nclass B:\n    pass\nmain = B.bind(A.bind())\n";
    let worker = only(within(&[("/app/main.py", deployed)], "", "serve run main:main", &[]));
    assert_eq!(worker.processes, Count::Is(3), "an application is made of all its deployments");
    let scaled = "from ray import serve\n@serve.deployment(autoscaling_config={'max_replicas': 4})\nclass A:\n    pass\nmain = A.bind()\n";
    assert_eq!(only(within(&[("/app/main.py", scaled)], "", "serve run main:main", &[])).processes, Count::NotKnown);
    let yaml = "applications:\n- name: a\n  import_path: main:main\n  deployments:\n  - name: A\n    num_replicas: 4\n";
    assert_eq!(only(within(&[("/app/s.yaml", yaml)], "", "serve run s.yaml", &[])).processes, Count::Is(4));
}

#[test]
fn celery_is_read_with_its_application_and_settings() {
    let run = |files: &[(&str, &str)], environment: &[(&str, &str)]| {
        only(within(files, "", "celery -A shop worker", environment))
    };
    let worker = run(
        &[(
            "/app/shop.py",
            "from celery import Celery\napp = Celery('shop')\napp.conf.worker_concurrency = 3\napp.conf.update(worker_max_memory_per_child=200000)\n",
        )],
        &[],
    );
    assert_eq!((worker.processes, worker.memory_per_child), (Count::Is(3), Some(200_000)));
    let django = [
        ("/app/shop/__init__.py", "from .celery import app\n"),
        (
            "/app/shop/celery.py",
            "import os\nfrom celery import Celery\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings.prod')\napp = Celery('shop')\napp.config_from_object('django.conf:settings', namespace='CELERY')\n",
        ),
        ("/app/shop/settings/prod.py", "from .base import *\nDEBUG = False\n"),
        (
            "/app/shop/settings/base.py",
            "import os\nCELERY_WORKER_CONCURRENCY = int(os.environ.get('C', 2))\nCELERY_WORKER_POOL = 'threads'\n",
        ),
    ];
    let worker = run(&django, &[("C", "5")]);
    assert_eq!((worker.processes, worker.threads), (Count::Is(1), Some(5)), "a pool of threads is one process");
    let worker = run(&django[..2], &[]);
    assert_eq!(worker.processes, Count::NotKnown, "its settings are not there");
    assert_eq!(worker.config.as_deref(), Some("shop.settings.prod"));
    let keyed = "app = celery()\napp.conf['worker_concurrency'] = 4\n";
    assert_eq!(run(&[("/app/shop.py", keyed)], &[]).processes, Count::Is(4));
    assert_eq!(run(&[("/app/shop.py", "app = 1\n")], &[]).processes, Count::HostCpus(Some(8)));
}

#[test]
fn a_script_starts_what_its_arguments_and_variables_say() {
    let script = r#"#!/bin/bash
set -euo pipefail
: "${WORKERS:=4}"
wait_for() { until nc -z "$1" "$2"; do sleep 1; done; return 0; }
wait_for db 5432
if [ "${MIGRATE:-no}" = "yes" ]; then python manage.py migrate; fi
case "${1:-web}" in
  web) exec gunicorn -w "$WORKERS" app ;;
  worker)
    shift
    set -- celery -A shop worker "$@"
    exec "$@"
    ;;
  both) celery -A shop worker -c 1 &
    exec gunicorn -w $((WORKERS / 2)) app ;;
  *) exec "$@" ;;
esac
"#;
    let files = [("/entry.sh", script)];
    let run = |command: &str, environment: &[(&str, &str)]| within(&files, "/entry.sh", command, environment);
    assert_eq!(only(run("", &[])).processes, Count::Is(4));
    assert_eq!(only(run("web", &[("WORKERS", "7")])).processes, Count::Is(7));
    let worker = only(run("worker -c 3", &[]));
    assert_eq!((worker.program.as_str(), worker.processes, worker.through), ("celery worker", Count::Is(3), None));
    assert_eq!(only(run("uvicorn app --workers 2", &[])).processes, Count::Is(2));
    let Workers::Known(all) = run("both", &[]) else { panic!() };
    assert_eq!(all.iter().map(|worker| worker.processes).collect::<Vec<_>>(), [Count::Is(1), Count::Is(2)]);
    let files = [
        ("/usr/local/bin/run", "#!/bin/sh\ncd /srv\n. ./env.sh\nexec gunicorn -w $N app\n"),
        ("/srv/env.sh", "export N=6\n"),
        ("/srv/gunicorn.conf.py", "threads = 2\n"),
    ];
    let worker = only(within(&files, "", "run", &[]));
    assert_eq!((worker.processes, worker.threads), (Count::Is(6), Some(2)), "files are read where it went");
}

#[test]
fn a_script_that_may_go_two_ways_is_not_guessed() {
    let open = "#!/bin/sh\nif grep -q x /etc/role; then exec gunicorn -w 2 app; fi\nexec celery -A a worker -c 3\n";
    assert!(matches!(within(&[("/e.sh", open)], "/e.sh", "", &[]), Workers::Unknown(_)));
    let same = "#!/bin/sh\nif grep -q x /etc/role; then exec gunicorn -w 2 app; else exec gunicorn -w 2 app; fi\n";
    let worker = only(within(&[("/e.sh", same)], "/e.sh", "", &[]));
    assert_eq!((worker.processes, worker.through.as_deref()), (Count::Is(2), Some("e.sh")));
    let changed = "#!/bin/sh\nN=2\nif test -d /x; then N=3; fi\nexec gunicorn -w $N app\n";
    assert_eq!(only(within(&[("/e.sh", changed)], "/e.sh", "", &[])).processes, Count::NotKnown);
    let python = "#!/usr/bin/env python3\nimport os\n";
    assert!(matches!(within(&[("/e", python)], "/e", "", &[]), Workers::Unknown(_)));
    // A script that never ends, or calls itself, is left.
    for text in
        ["#!/bin/sh\nwhile true; do :; done\n", "#!/bin/sh\nf() { f; }\nf\n", "#!/bin/sh\n/e\n", "#!/bin/sh\n. /e\n"]
    {
        assert!(matches!(within(&[("/e", text)], "/e", "", &[]), Workers::Unknown(_)), "{text}");
    }
}

#[test]
fn programs_that_start_others_by_a_file_are_followed() {
    let supervisor = "[supervisord]\nnodaemon=true\n\n[program:web]\ncommand=gunicorn -w %(ENV_N)s\n    app\nenvironment=A=\"b\"\n[program:jobs]\ncommand=celery -A a worker -c 2 ; the queue\nnumprocs=2\n[program:off]\ncommand=gunicorn -w 50 app\nautostart=false\n";
    let Workers::Known(all) = within(&[("/etc/supervisord.conf", supervisor)], "", "supervisord -n", &[("N", "3")])
    else {
        panic!()
    };
    let found: Vec<_> = all.iter().map(|worker| (worker.program.as_str(), worker.processes, worker.others)).collect();
    assert_eq!(found, [("gunicorn", Count::Is(3), 1), ("celery worker", Count::Is(4), 2)]);
    let procfile = "web: gunicorn -w ${N:-2} app\n# no: gunicorn -w 9 app\njobs: rq worker high\n";
    let run = |command: &str| match within(&[("/app/Procfile", procfile)], "", command, &[]) {
        Workers::Known(all) => all.iter().map(|worker| worker.processes).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(run("honcho start"), [Count::Is(2), Count::Is(1)]);
    assert_eq!(run("honcho start web"), [Count::Is(2)]);
    assert_eq!(run("honcho start -c jobs=3 jobs"), [Count::Is(3)]);
    assert!(matches!(within(&[], "", "supervisord", &[]), Workers::Unknown(_)), "its file is not there");
}
