//! What a command runs: how many processes, and how they begin.

use slimwright::workers::{Count, Setting, Start, Worker, Workers, levers, read};
use std::collections::BTreeMap;

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
        ("sh|-c|gunicorn -w $((2*2)) app", "gunicorn", Count::NotKnown, 1, Fork),
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
