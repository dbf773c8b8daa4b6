//! Prometheus rules: what promtool 2.42 refuses is refused, what can never fire is found, and the rules of our own pass.

use slimwright::alerts::{Known, check, known, parse, parse_duration, rules};
use slimwright::compose::{Check, Finding};
use slimwright::deploy::{NotProposed, advise, override_file};
use slimwright::yaml::Files;

/// A file with one alert of this expression.
fn found(expr: &str, limits: Option<&[u64]>) -> (Files, Vec<Finding>) {
    of(&format!("groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: {expr}\n"), limits)
}

fn of(text: &str, limits: Option<&[u64]>) -> (Files, Vec<Finding>) {
    let mut files = Files::default();
    let file = files.add("rules.yml", text.to_owned());
    let found = check(&files, file, limits);
    (files, found)
}

#[test]
fn expressions_are_taken_that_prometheus_takes() {
    for text in [
        "a",
        "a > 1.8e9",
        "a > 1.8 * 1024^3",
        "a > 0x10",
        "a > Inf",
        "a > -2 ^ 2",
        "1 > bool 2",
        "a{b=\"c\", d!=\"\", e=~\"x|y\", f!~\"z.*\",}",
        "{b=\"c\"}",
        "{__name__=~\"a.+\"}",
        "rate(a[5m]) > 0",
        "rate(a{b=\"c\"}[1h30m] offset 5m)",
        "a offset -1d",
        "a @ 1609746000",
        "rate(a[5m] @ end())",
        "max_over_time(rate(a[5m])[1h:1m])",
        "max_over_time(a[1h:])",
        "sum by (x, y) (a) / on (x) group_left (z) sum(b) by (x)",
        "sum without (x) (a)",
        "topk(3, a)",
        "quantile(0.9, a)",
        "count_values(\"v\", a)",
        "a and on () b unless c or d",
        "histogram_quantile(0.9, sum by (le) (rate(a[5m])))",
        "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")",
        "label_join(a, \"x\", \"-\", \"y\", \"z\", \"w\")",
        "absent(a{b=\"c\"})",
        "predict_linear(a[1h], 4 * 3600) < 0",
        "time() - a > 60 * 5",
        "hour() > 8",
        "round(a, 5)",
        "(a + b) * -c",
        "a == bool 1",
        "a # a remark\n > 1",
        "sum",
        "a:b:c > 1",
        "clamp_max(a, 1) atan2 b",
        "vector(1)",
        "'a' == 'b' or a",
    ] {
        let is_text = text.starts_with('\'');
        assert_eq!(parse(text).is_ok(), !is_text, "{text}: {:?}", parse(text));
    }
}

#[test]
fn expressions_are_refused_where_prometheus_refuses_them() {
    for (text, at, words) in [
        ("a > 1.8GB", 4, "PromQL has no units of bytes: write 1.8 * 1024^3"),
        ("a > 2Gi", 4, "write 2 * 1024^3"),
        ("a > 80%", 7, "found the end"),
        ("a > 1_800", 4, "for Prometheus 3 alone"),
        ("a > 5m", 4, "a duration is no number"),
        ("rate(a) > 1", 5, "`rate` takes a range vector, found an instant vector: write [5m]"),
        ("rate(a[5m]) > 0 for 5m", 16, "expected an operator or the end, found `for`"),
        ("a{job=x}", 6, "expected a text in quotes"),
        ("\"a\" > 1", 0, "takes numbers and instant vectors"),
        ("foo(a)", 0, "there is no function `foo`"),
        ("sum(a,b)", 0, "`sum` takes 1 arguments, found 2"),
        ("a{b=~\"(\"}", 5, "no regular expression"),
        ("{}", 0, "must have a name"),
        ("{a=~\".*\"}", 0, "must have a name"),
        ("{\"a.b\"} > 1", 1, "expected a label"),
        ("1 > 2", 2, "`bool`"),
        ("a and 1", 2, "instant vectors on both sides"),
        ("a[5m] > 1", 0, "found a range vector"),
        ("a[5]", 2, "expected a duration"),
        ("sum(a[5m])", 4, "takes an instant vector"),
        ("(a", 2, "expected `)`"),
        ("a)", 1, "expected an operator or the end"),
        ("a > ", 4, "found the end"),
        ("", 0, "found the end"),
        ("a + bool b", 4, "comparisons alone"),
        ("rate(sum(a)[5m])", 11, "a range takes a selector"),
        ("sum(a) offset 5m", 7, "stands behind a selector"),
        ("a{b=\"c}", 4, "never closed"),
        ("a{__name__=\"b\"}", 2, "two names"),
        ("a ; b", 2, "found `;`"),
        ("a > 1.5m", 4, "no number and no duration"),
        ("sum by (a) (b) by (c)", 0, "two clauses"),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.at == at && error.message.contains(words), "{text}: {error:?}");
    }
    assert!(parse(&"(".repeat(100_000)).is_err() && parse(&"-".repeat(100_000)).is_err());
    assert!(parse(&format!("{}a", "a^".repeat(500))).is_err() && parse(&format!("{}a", "a+".repeat(100_000))).is_err());
}

#[test]
fn durations_are_whole_numbers_with_units() {
    for (text, seconds) in [("5m", Some(300.0)), ("1h30m", Some(5400.0)), ("0", Some(0.0)), ("1d12h", Some(129_600.0))]
    {
        assert_eq!(parse_duration(text), seconds, "{text}");
    }
    for text in ["1.5m", "5", "m", "5m1h", "", "-5m", "5 m"] {
        assert_eq!(parse_duration(text), None, "{text}");
    }
}

#[test]
fn names_of_metrics_are_known_by_their_families() {
    for name in [
        "container_memory_usage_bytes",
        "node_memory_MemAvailable_bytes",
        "node_memory_HugePages_Free",
        "node_vmstat_oom_kill",
        "node_vmstat_pgmajfault",
    ] {
        assert_eq!(known(name), Known::Yes, "{name}");
    }
    let Known::No(Some(meant)) = known("node_memory_SwapUsed_bytes") else { panic!() };
    assert!(meant.contains("node_memory_SwapTotal_bytes - node_memory_SwapFree_bytes"));
    assert!(matches!(known("container_memory_working_set"), Known::No(Some(_))));
    assert!(matches!(known("node_vmstat_nr_free_pages"), Known::No(None)));
    assert_eq!(known("my_app_requests_total"), Known::NotKnown);
}

#[test]
fn a_rule_file_is_held_against_its_form() {
    for (text, line, column, words) in [
        ("- alert: A\n  expr: a > 1\n", 1, 1, "expected a mapping with `groups`"),
        ("groups: {}\n", 1, 9, "expected a list of groups"),
        ("groups:\n  - rules: []\n", 2, 5, "the group has no name"),
        ("groups:\n  - {name: a, rules: []}\n  - {name: a, rules: []}\n", 3, 12, "two groups"),
        ("groups:\n  - name: g\n    fro: 1\n", 3, 5, "a group has no field `fro`"),
        (
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: a\n        fro: 5m\n",
            6,
            9,
            "a rule has no field `fro`",
        ),
        (
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: a\n        for: 1.5m\n",
            6,
            14,
            "`for: 1.5m` is no duration",
        ),
        ("groups:\n  - name: g\n    rules:\n      - expr: a\n", 4, 9, "one of `alert` and `record`"),
        (
            "groups:\n  - name: g\n    rules:\n      - record: a:b\n        expr: a\n        for: 5m\n",
            6,
            9,
            "a recording has no `for`",
        ),
        (
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: a\n        annotations: {s: '{{ $value | humanise }}'}\n",
            6,
            26,
            "no function `humanise`",
        ),
        (
            "groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: |\n          a >\n            1.8GB\n",
            7,
            13,
            "no units of bytes",
        ),
        ("groups: [\n", 1, 9, "this is no YAML"),
        ("", 1, 1, "the file is empty"),
    ] {
        let (files, all) = of(text, None);
        let spots: Vec<(usize, usize, &str)> = all
            .iter()
            .map(|one| {
                assert_eq!(one.check, Check::RuleRefused, "{one:?}");
                let spot = files.spot(one.place.unwrap());
                (spot.line, spot.column, one.message.as_str())
            })
            .collect();
        let matching = spots.iter().any(|(l, c, message)| (*l, *c) == (line, column) && message.contains(words));
        assert!(
            matching || (words.contains("units") && spots.iter().any(|(.., message)| message.contains(words))),
            "{text:?}: {spots:?}"
        );
    }
    let fine = "groups:\n  - name: g\n    interval: 1m\n    rules:\n      - alert: A\n        expr: a > 1\n        for: 0m\n        keep_firing_for: 5m\n        labels: {severity: x}\n        annotations: {s: '{{ $labels.x | title }} {{ printf \"%.2f\" $value }}{{ if gt $value 1.0 }}x{{ end }}'}\n      - record: a:b\n        expr: sum(a)\n";
    assert_eq!(of(fine, None).1, []);
}

#[test]
fn what_can_never_fire_or_always_fires_is_found() {
    let gib = 1_u64 << 30;
    let ids = |expr: &str, limits: Option<&[u64]>| -> Vec<&str> {
        found(expr, limits).1.iter().map(|one| one.check.id()).collect()
    };
    assert_eq!(ids("node_memory_SwapUsed_bytes > 2e9", None), ["metric-unknown"]);
    assert_eq!(ids("container_memory_rss{name=\"a\"} > 3e9", Some(&[gib, 2 * gib])), ["never-fires"]);
    assert_eq!(ids("container_memory_rss{name=\"a\"} > 1.8e9", Some(&[gib, 2 * gib])), [""; 0]);
    assert_eq!(
        ids("container_memory_rss{name=\"a\"} > 3e9", None),
        [""; 0],
        "a service without a limit may have as much"
    );
    assert_eq!(ids("container_memory_usage_bytes > 1.8e9", None), ["selects-all", "cache-counted"]);
    let share = |bound: &str, guard: &str| {
        format!(
            "container_memory_working_set_bytes{{name=\"a\"}} / (container_spec_memory_limit_bytes{{name=\"a\"}}{guard}) > {bound}"
        )
    };
    assert_eq!(ids(&share("0.9", " > 0"), None), [""; 0]);
    assert_eq!(ids(&share("0.9", ""), None), ["always-fires"]);
    assert_eq!(ids(&share("90", " > 0"), None), ["never-fires"]);
    let (files, all) = found("container_memory_usage_bytes > 1.8GB", None);
    assert_eq!(files.spot(all[0].place.unwrap()).column, 15 + 31);
}

#[test]
fn the_rules_of_our_own_are_taken_by_our_own_check() {
    let written = rules("shop", "memory.rules.yaml");
    let (_, all) = of(&written.rules, None);
    assert_eq!(all, [], "{}", written.rules);
    assert_eq!(written.rules.matches("- alert:").count(), 6);
    assert_eq!(written.tests.matches("exp_alerts: []").count(), 6, "each is silent once and fires once");
    let odd = rules("a\"} or {x=\"", "memory.rules.yaml");
    assert_eq!(of(&odd.rules, None).1, [], "a name is never a part of an expression");
}

/// With promtool, where it is there: rules and tests of our own, both checked by Prometheus itself.
#[test]
fn promtool_takes_the_rules_and_their_tests() {
    let Ok(found) = std::process::Command::new("promtool").arg("--version").output() else { return };
    assert!(found.status.success());
    let folder = tempfile::tempdir().unwrap();
    let written = rules("shop", "memory.rules.yaml");
    std::fs::write(folder.path().join("memory.rules.yaml"), written.rules).unwrap();
    std::fs::write(folder.path().join("tests.yaml"), written.tests).unwrap();
    for words in [["check", "rules", "memory.rules.yaml"], ["test", "rules", "tests.yaml"]] {
        let output = std::process::Command::new("promtool").args(words).current_dir(folder.path()).output().unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

mod deployment {
    use super::{NotProposed, advise, override_file};
    use slimwright::compose::{self, Request, Service};
    use slimwright::deploy;
    use slimwright::memory::{Charged, Ended, Limit, Measured, Process, Record, Series, Window};
    use slimwright::workers::{self, Setting};

    fn services(text: &str) -> Vec<Service> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
        let request = Request { files: vec![folder.path().to_owned()], ..Request::default() };
        compose::services(&compose::load(&request).unwrap()).unwrap()
    }

    fn measured(service: &str, seconds: f64, cpu_seconds: f64, most: u64, kills: u64) -> Measured {
        let series = Series::of(&[most / 2, most]);
        Measured {
            name: format!("shop-{service}-1").into(),
            target: "container".into(),
            image: None,
            service: Some(service.into()),
            project: Some("shop".into()),
            oom_killed: None,
            restarts: None,
            cgroup: None,
            charged: Charged::default(),
            age: None,
            ended: None,
            processes: Vec::new(),
            packages: None,
            window: Window {
                seconds,
                cpu_seconds: Some(cpu_seconds),
                oom_kills: Some(kills),
                working_set: series.clone(),
                needed: series,
                ..Window::default()
            },
            unread: Vec::new(),
        }
    }

    fn record(targets: Vec<Measured>) -> Record {
        Record { kind: "slimwright memory".into(), schema_version: 1, began: 0, host: None, targets }
    }

    #[test]
    fn limits_are_written_for_what_worked_by_the_keys_of_the_files() {
        let mib = 1 << 20;
        let text = "services:\n  a: {image: x}\n  b: {image: x, deploy: {resources: {limits: {memory: 9g}, reservations: {memory: 1g}}}}\n  c: {image: x, mem_limit: 1g, memswap_limit: 1g}\n  d: {image: x}\n  e: {image: x}\n  f: {image: x, deploy: {resources: {limits: {cpus: '1'}}}}\n";
        let services = services(text);
        let all = record(vec![
            measured("a", 600.0, 300.0, 100 * mib, 0),
            measured("a", 600.0, 300.0, 200 * mib, 0),
            measured("b", 600.0, 300.0, 400 * mib, 0),
            measured("c", 600.0, 300.0, 1600 * mib, 1),
            measured("d", 20.0, 20.0, 100 * mib, 0),
            measured("f", 600.0, 300.0, 100 * mib, 0),
        ]);
        let advice = advise(&services, &all, "shop");
        assert_eq!(
            advice[0].limit.as_ref().unwrap().bytes,
            240 * mib,
            "of two containers the larger one, 15 % on top, in steps of 16 MiB"
        );
        assert_eq!(advice[3].limit, Err(NotProposed::Short(20.0)));
        assert_eq!(advice[4].limit, Err(NotProposed::NotMeasured));
        let text = override_file(&services, &advice).unwrap();
        for part in [
            "  \"a\":\n    # most 200 MiB in 10 min (600 s of processors), 15 % on top\n    mem_limit: 240m\n",
            "limits:\n          memory: 464m\n        reservations:\n          memory: 464m\n",
            "    mem_limit: 2000m\n    memswap_limit: 2000m\n",
            "      resources:\n        limits:\n          memory: 128m\n",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("\"d\"") && !text.contains("\"e\""), "{text}");
    }

    #[test]
    fn an_override_keeps_the_amount_of_swap() {
        let mib = 1 << 20;
        for (keys, told) in [
            ("mem_limit: 900m, memswap_limit: 900m", Some("memswap_limit: 240m")),
            ("mem_limit: 900m, memswap_limit: 1g", Some("memswap_limit: 364m")),
            ("mem_limit: 900m, memswap_limit: -1", None),
            ("mem_limit: 900m", None),
            ("mem_limit: 240m, memswap_limit: 240m", None),
        ] {
            let services = services(&format!("services: {{a: {{image: x, {keys}}}}}\n"));
            let advice = advise(&services, &record(vec![measured("a", 600.0, 500.0, 200 * mib, 0)]), "shop");
            let text = override_file(&services, &advice).unwrap();
            assert!(text.contains("mem_limit: 240m"), "{text}");
            let found = text.lines().find_map(|line| line.contains("memswap").then(|| line.trim()));
            assert_eq!(found, told, "{keys}");
        }
    }

    #[test]
    fn what_was_killed_or_ended_gets_no_limit_and_where_a_child_was_killed_it_is_above_that_of_then() {
        let mib = 1 << 20;
        let services = services("services: {a: {image: x}}\n");
        let mut one = measured("a", 600.0, 500.0, 200 * mib, 0);
        let of = |one: &Measured| advise(&services, &record(vec![one.clone()]), "shop").remove(0).limit;
        one.charged.limit = Some(Limit::Bytes(400 * mib));
        one.window.oom_kills = Some(1);
        assert_eq!(of(&one).unwrap().bytes, 512 * mib, "25 % above 400 MiB, in steps of 16 MiB");
        one.ended = Some(Ended { after: 25.0, exit_code: Some(0) });
        assert_eq!(of(&one), Err(NotProposed::Ended(Some(0))));
        one.oom_killed = Some(true);
        assert_eq!(of(&one), Err(NotProposed::Killed(Some(400 * mib))));
    }

    fn process(pid: u32, parent: u32, private: u64, pss: u64, rss: u64) -> Process {
        let mib = |figure: u64| Some(figure << 20);
        Process {
            pid,
            parent,
            command: vec!["celery".into(), "worker".into()],
            private: mib(private),
            pss: mib(pss),
            rss: mib(rss),
            rss_peak: mib(rss),
            ..Process::default()
        }
    }

    #[test]
    fn workers_are_held_against_limit_and_memory_per_child_by_what_was_measured() {
        let mut one = measured("a", 600.0, 500.0, 1 << 20, 0);
        // A parent of 20 MiB, four workers of 30 MiB each, and 100 MiB that the five share.
        one.processes = (0..5)
            .map(|pid| {
                process(
                    10 + pid,
                    if pid == 0 { 1 } else { 10 },
                    if pid == 0 { 20 } else { 30 },
                    if pid == 0 { 40 } else { 50 },
                    160,
                )
            })
            .collect();
        one.processes.push(Process { command: vec!["ffmpeg".into()], ..process(30, 11, 500, 500, 500) });
        let found = |command: &str, limit: &str| -> Vec<(&'static str, String)> {
            let services =
                services(&format!("services: {{a: {{image: x, mem_limit: {limit}, command: {command}}}}}\n"));
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let environment = std::collections::BTreeMap::new();
            let workers = workers::read(&[], &words, Setting { environment: &environment, cpus: None });
            let all = deploy::findings(&services[0], &workers, &[&one]);
            all.into_iter().map(|finding| (finding.check.id(), finding.message)).collect()
        };
        assert_eq!(found("celery worker -c 4", "240m"), []);
        let more = found("celery worker -c 8", "300m");
        assert_eq!(more[0].0, "workers-above-limit");
        assert_eq!(
            more[0].1,
            "8 workers need 360 MiB by what was measured (120 MiB and 8 × 30 MiB), above the limit of 300 MiB"
        );
        assert_eq!(
            found("celery worker -c 4 --max-memory-per-child=163840", "1g")[0].0,
            "memory-per-child-below-start"
        );
        assert_eq!(found("celery worker -c 4 --max-memory-per-child=163841", "1g"), []);
    }

    #[test]
    fn an_idle_service_gets_no_limit() {
        let services = services("services: {a: {image: x}}\n");
        let advice = advise(&services, &record(vec![measured("a", 600.0, 0.5, 1 << 20, 0)]), "shop");
        assert_eq!(advice[0].limit, Err(NotProposed::Idle(0.5)));
        assert_eq!(override_file(&services, &advice), None);
        let other = advise(&services, &record(vec![measured("a", 600.0, 500.0, 1 << 20, 0)]), "another");
        assert_eq!(other[0].limit, Err(NotProposed::NotMeasured), "another project's service of the same name");
    }
}

#[test]
fn a_share_in_per_cent_is_a_share_all_the_same() {
    let ids = |expr: &str| -> Vec<&'static str> {
        found(expr, Some(&[1 << 30]))
            .1
            .iter()
            .map(|finding| finding.check.id())
            .filter(|id| *id != "cache-counted")
            .collect()
    };
    let (usage, limit) = ("container_memory_usage_bytes{name!=\"\"}", "container_spec_memory_limit_bytes{name!=\"\"}");
    assert_eq!(ids(&format!("{usage} / {limit} * 100 > 85")), ["always-fires"]);
    assert_eq!(ids(&format!("100 * sum({usage}) / sum({limit}) > 85")), ["always-fires"]);
    assert_eq!(ids(&format!("85 < ({usage} / {limit}) * 100")), ["always-fires"]);
    assert_eq!(ids(&format!("{usage} / ({limit} > 0) * 100 > 85")), [""; 0]);
    assert_eq!(ids(&format!("{usage} / {limit} * 100 > 85 and {limit} != 0")), [""; 0]);
    assert_eq!(ids(&format!("{usage} / ({limit} > 0) * 100 > 120")), ["never-fires"]);
    assert_eq!(ids(&format!("{usage} / 1024 / 1024 / 1024 > 3")), ["never-fires"]);
    assert_eq!(ids(&format!("{usage} / 1024 / 1024 > 900")), [""; 0]);
}

#[test]
fn names_without_their_unit_and_resources_of_kubernetes_are_told() {
    let (_, findings) = found("node_memory_MemFree < 1e9", None);
    assert_eq!(findings[0].check, Check::MetricUnknown);
    assert_eq!(findings[0].advice.as_deref(), Some("did you mean `node_memory_MemFree_bytes`?"));
    let (_, findings) = of("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nspec:\n  groups: []\n", None);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("Kubernetes") && findings[0].advice.as_ref().unwrap().contains("spec"));
}
