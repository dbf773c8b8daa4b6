//! Measurements, from trees of `/proc` and `/sys/fs/cgroup`.

use super::report::validate;
use slimwright::memory::{
    Doubt, HostMemory, Limit, Meant, Measured, Record, Role, Sampler, Series, Target, TargetKind, Tree, Unread,
    Version, Why, diff, named, of_process, pools, read_target,
};
use std::path::Path;

fn write(root: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = root.join(name.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
}

fn target(kind: TargetKind) -> Target {
    Target { name: "it".into(), kind, image: None, service: None, project: None, oom_killed: None, restarts: None }
}

const V1_MOUNTS: &str = "30 25 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n32 30 0:28 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup rw\n";
const V2_MOUNTS: &str = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup rw\n";

fn process(root: &Path, pid: u32, parent: u32, cgroup: &str, pss: Option<u64>) {
    let folder = format!("/proc/{pid}");
    let rollup = pss.map(|pss| {
        format!("Rss: 300000 kB\nPss: {pss} kB\nPss_Anon: 100 kB\nShared_Clean: 10 kB\nShared_Dirty: 20 kB\nPrivate_Clean: 1 kB\nPrivate_Dirty: 2 kB\nSwap: 8 kB\nSwapPss: 4 kB\n")
    });
    write(
        root,
        &[
            (&format!("{folder}/cgroup"), cgroup),
            (
                &format!("{folder}/status"),
                &format!(
                    "Name:\tx (y)\nPPid:\t{parent}\nThreads:\t3\nVmHWM:\t310000 kB\nVmRSS:\t300000 kB\nVmSwap:\t8 kB\n"
                ),
            ),
            (
                &format!("{folder}/stat"),
                &format!("{pid} (x (y)) S {parent} 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 90000 0 0"),
            ),
            (&format!("{folder}/cmdline"), "celery\0worker\0--password\0geheim\0"),
            (
                &format!("{folder}/maps"),
                "7f00-7f01 r-xp 0 08:01 1 /usr/lib/python3/site-packages/torch/lib/libtorch.so\n7f02-7f03 r-xp 0 08:01 1 /usr/lib/python3/site-packages/_cffi.cpython-311-x86_64-linux-gnu.so\n",
            ),
        ],
    );
    if let Some(rollup) = rollup {
        write(root, &[(&format!("{folder}/smaps_rollup"), &rollup)]);
    }
}

fn v1() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    let cgroup = "9:memory:/docker/abc\n3:cpuacct:/docker/abc\n0::/docker/abc\n";
    write(
        root,
        &[
            ("/proc/self/mountinfo", V1_MOUNTS),
            ("/proc/uptime", "1000.00 1.0\n"),
            (
                "/proc/meminfo",
                "MemTotal:       8000000 kB\nMemAvailable:   3000000 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n",
            ),
            ("/sys/fs/cgroup/memory/docker/abc/cgroup.procs", "10\n11\n12\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "500000000\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.max_usage_in_bytes", "600000000\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "536870912\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.memsw.limit_in_bytes", "1073741824\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.memsw.usage_in_bytes", "510000000\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.kmem.usage_in_bytes", "7000000\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.failcnt", "71\n"),
            ("/sys/fs/cgroup/memory/docker/abc/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n"),
            (
                "/sys/fs/cgroup/memory/docker/abc/memory.stat",
                "rss 1\nactive_file 1\ntotal_rss 300000000\ntotal_shmem 5000000\ntotal_active_file 100000000\ntotal_inactive_file 90000000\n",
            ),
            ("/sys/fs/cgroup/cpuacct/docker/abc/cpuacct.usage", "2500000000\n"),
        ],
    );
    process(root, 10, 1, cgroup, Some(120_000));
    process(root, 11, 10, cgroup, Some(60_000));
    process(root, 12, 10, cgroup, Some(60_000));
    dir
}

#[test]
fn version_1_is_read_by_its_names() {
    let dir = v1();
    let measured = read_target(&Tree::recorded(dir.path()), target(TargetKind::Container(10)));
    let charged = &measured.charged;
    assert_eq!(measured.cgroup.as_ref().unwrap().version, Version::V1, "version 2 beside it counts no memory");
    assert_eq!((charged.usage, charged.peak), (Some(500_000_000), Some(600_000_000)));
    assert_eq!((charged.limit, charged.swap_limit), (Some(Limit::Bytes(512 << 20)), Some(Limit::Bytes(512 << 20))));
    assert_eq!((charged.anon, charged.shmem, charged.kernel), (Some(300_000_000), Some(5_000_000), Some(7_000_000)));
    assert_eq!((charged.swap, charged.oom_kills, charged.limit_hits), (Some(10_000_000), Some(1), Some(71)));
    assert_eq!((charged.working_set(), charged.needed()), (Some(410_000_000), Some(315_000_000)));
    assert_eq!((charged.cpu_seconds, measured.age), (Some(2.5), Some(100.0)));
    let roles: Vec<Role> = measured.processes.iter().map(|process| process.role).collect();
    assert_eq!(roles, [Role::Parent, Role::Worker, Role::Worker]);
    let first = &measured.processes[0];
    assert_eq!(
        (first.pss, first.private, first.shared, first.swap),
        (Some(120_000 << 10), Some(3 << 10), Some(30 << 10), Some(4 << 10))
    );
    assert_eq!((first.rss, first.rss_peak, first.threads), (Some(300_000 << 10), Some(310_000 << 10), Some(3)));
    assert!(!first.command.iter().any(|word| word == "geheim"), "{:?}", first.command);
    assert_eq!(measured.packages.unwrap().into_iter().collect::<Vec<_>>(), ["_cffi", "torch"]);
    assert!(measured.unread.is_empty(), "{:?}", measured.unread);
    let text = slimwright::report::memory(
        &record(vec![read_target(&Tree::recorded(dir.path()), target(TargetKind::Container(10)))]),
        Default::default(),
    );
    assert!(text.contains("RSS summed (879 MiB) is above what is charged (477 MiB)"), "{text}");
    assert!(text.contains("1 process for memory") && text.contains("71 times"), "{text}");
}

#[test]
fn version_2_is_read_by_its_names_and_what_is_absent_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(
        root,
        &[
            ("/proc/self/mountinfo", V2_MOUNTS),
            ("/sys/fs/cgroup/s.slice/a.scope/cgroup.procs", ""),
            ("/sys/fs/cgroup/s.slice/a.scope/below/cgroup.procs", "20\n"),
            ("/sys/fs/cgroup/s.slice/a.scope/memory.current", "300\n"),
            ("/sys/fs/cgroup/s.slice/a.scope/memory.max", "max\n"),
            ("/sys/fs/cgroup/s.slice/a.scope/memory.swap.current", "40\n"),
            ("/sys/fs/cgroup/s.slice/a.scope/memory.swap.max", "0\n"),
            (
                "/sys/fs/cgroup/s.slice/a.scope/memory.stat",
                "anon 100\nfile 150\nshmem 20\nactive_file 60\ninactive_file 70\nslab 5\nkernel_stack 6\n",
            ),
            ("/sys/fs/cgroup/s.slice/a.scope/memory.events", "low 0\nhigh 0\nmax 71\noom 1\noom_kill 2\n"),
            (
                "/sys/fs/cgroup/s.slice/a.scope/memory.pressure",
                "some avg10=1.50 avg60=2.00 avg300=0.00 total=1\nfull avg10=0.50 avg60=0.25 avg300=0.00 total=1\n",
            ),
            ("/sys/fs/cgroup/s.slice/a.scope/cpu.stat", "usage_usec 1500000\n"),
        ],
    );
    process(root, 20, 1, "0::/s.slice/a.scope/below\n", None);
    let tree = Tree::recorded(root);
    let cgroup = named(&tree, "/s.slice/a.scope").unwrap();
    assert_eq!(named(&tree, "/sys/fs/cgroup/s.slice/a.scope"), Ok(cgroup.clone()));
    let measured = read_target(&tree, target(TargetKind::Cgroup(cgroup)));
    let charged = &measured.charged;
    assert_eq!(
        (charged.usage, charged.limit, charged.swap_limit),
        (Some(300), Some(Limit::None), Some(Limit::Bytes(0)))
    );
    assert_eq!((charged.anon, charged.shmem, charged.kernel, charged.swap), (Some(100), Some(20), Some(11), Some(40)));
    assert_eq!((charged.file(), charged.working_set(), charged.needed()), (Some(130), Some(230), Some(160)));
    assert_eq!((charged.oom_kills, charged.limit_hits, charged.pressure_full), (Some(2), Some(71), Some([0.5, 0.25])));
    assert_eq!(charged.cpu_seconds, Some(1.5));
    assert_eq!(charged.peak, None, "an old kernel has no such file");
    assert!(
        measured.unread.contains(&Unread { what: "memory.peak".to_owned(), why: Why::Absent }),
        "{:?}",
        measured.unread
    );
    let process = &measured.processes[0];
    assert_eq!((process.pss, process.private, process.rss), (None, None, Some(300_000 << 10)), "never zero");
    assert!(measured.unread.iter().any(|unread| unread.what.contains("smaps_rollup")), "{:?}", measured.unread);
    assert_eq!(of_process(&tree, 20), Err(Why::Absent), "a tree without the controller for memory");
    assert_eq!(named(&tree, "/nowhere"), Err(Why::Absent));
}

#[test]
fn what_ends_keeps_its_last_figures_and_counters_that_begin_again_are_added() {
    let dir = v1();
    let root = dir.path();
    let folder = root.join("sys/fs/cgroup/memory/docker/abc");
    let mut sampler = Sampler::new(Tree::recorded(root), target(TargetKind::Container(10)), 1);
    sampler.sample(true);
    std::fs::write(folder.join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n").unwrap();
    sampler.sample(false);
    // Started again: its counters are new.
    std::fs::write(folder.join("memory.oom_control"), "oom_kill_disable 0\nunder_oom 0\noom_kill 1\n").unwrap();
    sampler.sample(false);
    std::fs::remove_dir_all(&folder).unwrap();
    sampler.sample(true);
    let measured = sampler.finish();
    assert_eq!(measured.window.oom_kills, Some(3), "two and one");
    assert!(measured.ended.is_some());
    assert_eq!(measured.charged.usage, Some(500_000_000));
    assert_eq!(measured.window.charged.as_ref().unwrap().least, 500_000_000);
    assert_eq!(measured.processes.len(), 3, "with what they shared: {:?}", measured.processes);
    assert_eq!(measured.window.samples, 3);
    assert!(!measured.unread.iter().any(|unread| unread.what == "memory.stat"), "{:?}", measured.unread);
}

#[test]
fn a_pool_is_a_parent_with_workers_of_its_program() {
    let one = |pid: u32, parent: u32, command: &str| slimwright::memory::Process {
        pid,
        parent,
        command: command.split(' ').map(Into::into).collect(),
        private: Some(u64::from(pid)),
        pss: Some(u64::from(pid) + 100),
        rss: Some(1000),
        rss_peak: Some(u64::from(pid) * 10),
        ..Default::default()
    };
    let shell = [
        one(1, 0, "sh -c celery"),
        one(2, 1, "celery worker"),
        one(3, 2, "celery worker"),
        one(4, 2, "celery worker"),
        one(5, 3, "ffmpeg -i x"),
    ];
    let found = pools(&shell);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].parent, found[0].workers.as_slice()), (2, [3, 4].as_slice()));
    assert_eq!((found[0].parent_private, found[0].worker_private, found[0].shared), (2, 4, 300));
    assert_eq!((found[0].needs(2), found[0].needs(10), found[0].fits(322)), (310, 342, 5));
    assert_eq!(found[0].worker_peak, Some(30), "the least");
    let spawned = [
        one(2, 1, "python3 uvicorn app"),
        one(3, 2, "python3 -c from_multiprocessing.resource_tracker_import_main;main(5)"),
        one(4, 2, "python3 -c from_multiprocessing.spawn_import_spawn_main;"),
    ];
    assert_eq!(pools(&spawned)[0].workers, [4], "a tracker is no worker");
    let unread = shell.map(|process| slimwright::memory::Process { private: None, ..process });
    assert_eq!(pools(&unread), [], "not known is not zero");
}

fn record(targets: Vec<Measured>) -> Record {
    let dir = v1();
    let host = HostMemory::read(&Tree::recorded(dir.path()));
    Record { kind: "slimwright memory".into(), schema_version: 1, began: 0, host, targets }
}

/// A container that has run for a day, and worked.
fn worked() -> Measured {
    let dir = v1();
    let mut measured = read_target(&Tree::recorded(dir.path()), target(TargetKind::Container(10)));
    (measured.age, measured.charged.cpu_seconds) = (Some(86400.0), Some(5000.0));
    measured
}

fn less(measured: &mut Measured, bytes: u64) {
    measured.charged.anon = measured.charged.anon.map(|anon| anon - bytes);
    measured.charged.usage = measured.charged.usage.map(|usage| usage - bytes);
    measured.window.needed = Series::of(&[measured.charged.needed().unwrap()]);
}

#[test]
fn less_after_a_restart_is_no_saving() {
    let (before, mut after) = (worked(), worked());
    less(&mut after, 200_000_000);
    let same = diff(&record(vec![before.clone()]), &record(vec![after.clone()]), &[]);
    assert!(same.pairs[0].is_saving && same.pairs[0].doubts.is_empty(), "{:?}", same.pairs[0].doubts);
    assert_eq!(same.pairs[0].double_counted, ["before", "after"]);
    (after.age, after.charged.cpu_seconds) = (Some(60.0), Some(1.0));
    after.packages = Some(Default::default());
    let other = diff(&record(vec![before]), &record(vec![after]), &[]);
    let pair = &other.pairs[0];
    assert!(!pair.is_saving && !pair.is_comparable);
    assert!(
        matches!(pair.doubts[..], [Doubt::Restarted { .. }, Doubt::LessWork { .. }, Doubt::Loaded { .. }]),
        "{:?}",
        pair.doubts
    );
    assert_eq!(other.host_used, Some([5_000_000 << 10, 5_000_000 << 10]));
    let text = slimwright::report::memory_diff(&other, Default::default());
    assert!(text.contains("not like for like") && text.contains("a restart alone"), "{text}");
}

#[test]
fn two_young_services_that_nobody_saw_at_work_are_not_compared() {
    let (mut before, mut after) = (worked(), worked());
    less(&mut after, 50_000_000);
    for one in [&mut before, &mut after] {
        (one.age, one.charged.cpu_seconds) = (Some(25.0), Some(1.5));
    }
    let of = |one: &Measured, other: &Measured| {
        diff(&record(vec![one.clone()]), &record(vec![other.clone()]), &[]).pairs.remove(0)
    };
    let found = of(&before, &after);
    assert!(!found.is_comparable && !found.is_saving, "{:?}", found.doubts);
    assert!(
        matches!(found.doubts[..], [Doubt::NotAtWork { side: "before", .. }, Doubt::NotAtWork { side: "after", .. }]),
        "{:?}",
        found.doubts
    );
    for one in [&mut before, &mut after] {
        (one.window.seconds, one.window.cpu_seconds) = (70.0, Some(5.0));
    }
    assert!(of(&before, &after).is_saving, "both were seen at work, at a like age");
}

#[test]
fn fewer_processes_count_where_they_are_meant() {
    let (before, mut after) = (worked(), worked());
    less(&mut after, 200_000_000);
    after.processes.pop();
    let (before, after) = (record(vec![before]), record(vec![after]));
    assert!(!diff(&before, &after, &[]).pairs[0].is_saving);
    assert!(diff(&before, &after, &[Meant::Processes]).pairs[0].is_saving);
}

#[test]
fn page_cache_that_goes_is_told_and_is_no_saving() {
    let (before, mut after) = (worked(), worked());
    after.charged.file_active = Some(0);
    after.charged.usage = Some(400_000_000);
    let pair = &diff(&record(vec![before]), &record(vec![after]), &[]).pairs[0];
    assert!(!pair.is_saving && pair.is_comparable);
    assert!(matches!(pair.doubts[..], [Doubt::PageCache { .. }]), "{:?}", pair.doubts);
}

#[test]
fn a_record_is_read_again_and_nothing_else_is() {
    let record = record(vec![worked()]);
    let text = serde_json::to_vec(&record).unwrap();
    assert_eq!(Record::parse("a.mem", &text), Ok(record));
    for (text, found) in [
        ("{}", "found something else"),
        ("", "found something else"),
        (r#"{"kind":"other","schema_version":1,"began":0,"host":null,"targets":[]}"#, "found `other`"),
        (r#"{"kind":"slimwright memory","schema_version":9,"began":0,"host":null,"targets":[]}"#, "version 9"),
    ] {
        let error = Record::parse("a.mem", text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(found) && error.starts_with("a.mem: "), "{error}");
    }
}

#[test]
fn names_in_a_file_of_a_stranger_are_escaped() {
    let mut one = worked();
    one.name = "a\u{1b}[31m".into();
    let (mut before, mut after) = (record(vec![one.clone(), one.clone()]), record(vec![one]));
    before.targets[1].name = "gone\u{1b}[2J".into();
    after.targets[0].age = Some(1.0);
    let style = slimwright::report::text::Style { width: 80, ..Default::default() };
    let text = slimwright::report::memory_diff(&diff(&before, &after, &[]), style);
    assert!(text.contains("gone") && !text.contains('\u{1b}'), "{text:?}");
    let mut process = slimwright::memory::Process { pid: 1, ..Default::default() };
    process.command = vec!["/usr/bin/python3".into(), "/x/\u{1b}]0;x\u{7}evil".into()];
    before.targets[0].processes = vec![process];
    before.targets.truncate(1);
    before.targets[0].name = "a".into();
    let text = slimwright::report::memory(&before, style);
    assert!(text.contains("evil") && !text.contains('\u{1b}'), "{text:?}");
}

#[test]
fn measurements_are_what_the_schemas_say() {
    let (before, mut after) = (worked(), worked());
    less(&mut after, 200_000_000);
    after.ended = Some(slimwright::memory::Ended { after: 3.0, exit_code: Some(137) });
    let (before, after) = (record(vec![before]), record(vec![after]));
    for one in [&before, &after] {
        validate("memory", &serde_json::to_string(one).unwrap());
    }
    validate("memory-diff", &serde_json::to_string(&diff(&before, &after, &[])).unwrap());
}

#[test]
fn a_series_has_its_percentiles() {
    let values: Vec<u64> = (1..=100).rev().collect();
    assert_eq!(Series::of(&values), Some(Series { least: 1, median: 50, p95: 95, most: 100 }));
    assert_eq!(Series::of(&[7]), Some(Series { least: 7, median: 7, p95: 7, most: 7 }));
    assert_eq!(Series::of(&[]), None);
}

#[test]
fn this_machine_can_be_measured() {
    let measured = read_target(&Tree::live(), target(TargetKind::Process(std::process::id())));
    let own = &measured.processes[0];
    assert_eq!(own.pid, std::process::id());
    assert!(own.rss.unwrap() > 1 << 20 && own.pss.unwrap() <= own.rss.unwrap(), "{own:?}");
}
