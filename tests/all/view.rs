//! The merge and the ledger: every trap of the layer format.

use crate::fixture::image;
use slimwright::facts::Summary;
use slimwright::fs::{Fate, Ledger, Owner, View};

/// The visible paths, joined by spaces.
fn visible(spec: &str) -> String {
    let image = image(spec);
    let view = View::new(&image);
    Ledger::new(&view, |_, _| Owner::Application);
    view.iter().map(|(path, _)| String::from_utf8_lossy(path).into_owned()).collect::<Vec<_>>().join(" ")
}

/// The fates of the entries of the lowest layer.
fn fates(spec: &str) -> Vec<Fate> {
    let image = image(spec);
    let view = View::new(&image);
    (0..image.layers[0].entries.len()).map(|entry| view.fate((0, entry as u32))).collect()
}

#[test]
fn a_whiteout_hides_lower_layers_only_wherever_it_stands() {
    assert_eq!(visible("layer\nf a 1\nlayer\nw a\nf a 2"), "a");
    assert_eq!(visible("layer\nf a 1\nlayer\nf a 2\nw a"), "a");
    assert_eq!(visible("layer\nf a 1\nf b 1\nlayer\nw a"), "b");
}

#[test]
fn a_whiteout_of_a_directory_takes_what_is_below_it() {
    use slimwright::fs::Deletion::{Directory, File};
    let spec = "layer\nd d\nf d/a 5\nf da 1\nlayer\nw d";
    assert_eq!(visible(spec), "da");
    assert_eq!(
        fates(spec),
        [Fate::Deleted { by: 1, how: File }, Fate::Deleted { by: 1, how: Directory }, Fate::Visible]
    );
}

#[test]
fn an_opaque_directory_hides_its_lower_children_and_keeps_its_own() {
    assert_eq!(visible("layer\nd d\nf d/a 1\nlayer\nf d/b 1\no d\nf d/c 1"), "d d/b d/c");
}

#[test]
fn a_directory_over_a_directory_keeps_the_children_and_nothing_else_does() {
    assert_eq!(visible("layer\nd d\nf d/a 1\nlayer\nd d\nf d/b 1"), "d d/a d/b");
    assert_eq!(visible("layer\nd d\nf d/a 1\nlayer\nf d 3"), "d");
    assert_eq!(visible("layer\nf d 3\nlayer\nd d\nf d/a 1"), "d d/a");
    assert_eq!(fates("layer\nd d\nf d/a 1\nlayer\nf d 3"), [Fate::Replaced { by: 1 }, Fate::Replaced { by: 1 }]);
}

#[test]
fn symbolic_links_among_the_parents_are_not_followed() {
    assert_eq!(
        visible("layer\nd usr/lib\nf usr/lib/a 1\nl lib -> usr/lib\nlayer\nf lib/new 1"),
        "lib/new usr/lib usr/lib/a"
    );
}

#[test]
fn the_same_bytes_again_are_told_from_other_bytes() {
    assert_eq!(fates("layer\nf a 7\nlayer\nf a 7 uid=33"), [Fate::Rewritten { by: 1 }]);
    assert_eq!(fates("layer\nf a 7\nlayer\nf a 7 hash=other"), [Fate::Replaced { by: 1 }]);
    assert_eq!(fates("layer\nf a 7\nlayer\nf a 8"), [Fate::Replaced { by: 1 }]);
}

#[test]
fn of_a_path_twice_in_one_tar_the_last_counts() {
    assert_eq!(fates("layer\nf a 7\nf a 9"), [Fate::Shadowed, Fate::Visible]);
}

#[test]
fn bytes_stay_visible_while_a_hard_link_leads_to_them() {
    assert_eq!(fates("layer\nf a 7\nh b -> a\nlayer\nw a"), [Fate::Visible, Fate::Visible]);
    assert_eq!(
        fates("layer\nf a 7\nlayer\nh b -> a\nw a")[0],
        Fate::Deleted { by: 1, how: slimwright::fs::Deletion::File }
    );
    assert_eq!(visible("layer\nh b -> a\nf a 7"), "a b");
    assert_eq!(visible("layer\nh c -> b\nh b -> a\nf a 7"), "a b c");
}

#[test]
fn a_hard_link_to_nothing_is_a_problem_and_not_a_crash() {
    let image = image("layer\nh b -> nowhere");
    assert!(View::new(&image).problems()[0].message.contains("does not exist"));
}

#[test]
fn links_are_resolved_inside_the_root_and_loops_end() {
    let image = image(
        "layer\nd usr/lib\nf usr/lib/x 1\nl lib -> usr/lib\nl loop -> loop\nl out -> ../../../usr\nl abs -> /lib/x",
    );
    let view = View::new(&image);
    assert_eq!(view.resolve(b"lib/x").as_deref(), Some(&b"usr/lib/x"[..]));
    assert_eq!(view.resolve(b"abs").as_deref(), Some(&b"usr/lib/x"[..]));
    assert_eq!(view.resolve(b"out/lib/x").as_deref(), Some(&b"usr/lib/x"[..]));
    assert_eq!(view.resolve(b"loop"), None);
    assert_eq!(view.resolve(b"nowhere"), None);
}

#[test]
fn the_ledger_sums_to_the_layers_by_fate() {
    let image = image("layer\nf a 10\nf b 20\nf c 40\nlayer\nf a 10 uid=1\nf b 5\nw c\nlayer\nf z 1\nf z 2");
    let view = View::new(&image);
    let summary = Summary::new(&Ledger::new(&view, |_, _| Owner::Application), 0);
    let lowest = &summary.layers[0];
    assert_eq!((lowest.rewritten, lowest.replaced, lowest.deleted, lowest.visible), (10, 20, 40, 0));
    assert_eq!(summary.layers[2].shadowed, 1);
    assert_eq!((summary.total(), summary.dead()), (88, 71));
}
