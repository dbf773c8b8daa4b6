//! What a service's limits come to: their sizes, swap, and what counts against them.

use super::super::check::Check;
use super::host::Cgroup;
use super::service::Own;
use crate::base::Binary;
use crate::yaml::{Node, Place};

/// The least limit that the engine takes, in bytes.
const LEAST: i64 = 6 << 20;

impl Own<'_> {
    pub(super) fn sizes(&mut self) {
        let resources = self.resources().clone();
        for (what, found) in [("limit", resources.memory()), ("reservation", resources.reserved())] {
            if let Some((bytes, place)) = found.filter(|(bytes, _)| *bytes < LEAST) {
                let message = format!("a {what} of {bytes} bytes is below the 6 MiB that the engine wants");
                self.say(Check::LimitTooSmall, place, message, "write a unit, for example 512m");
            }
        }
        if let (Some((reserved, place)), Some((limit, _))) = (resources.reserved(), resources.memory())
            && reserved > limit
        {
            let message =
                format!("the reservation ({}) is above the limit ({})", Binary(reserved as u64), Binary(limit as u64));
            self.say(Check::ReservationAboveLimit, place, message, "");
        }
        if let Some((_, place)) = resources.reserved() {
            self.say(
                Check::ReservationReservesNothing,
                place,
                "a reservation reserves nothing outside of Swarm, and limits nothing",
                "",
            );
        }
        if let Some((limit, place)) = resources.memory()
            && let Some(memory) = self.host.memory.filter(|memory| limit as u64 > *memory)
        {
            let message =
                format!("the limit ({}) is above what the host has ({})", Binary(limit as u64), Binary(memory));
            self.say(Check::LimitAboveHost, place, message, "");
        }
        if let Some((cpus, place)) = resources.processors()
            && let Some(has) = self.host.cpus.filter(|has| cpus > *has)
        {
            self.say(Check::CpusAboveHost, place, format!("{cpus} processors are more than the {has} of the host"), "");
        }
        self.without_limit();
        self.shm();
    }

    fn without_limit(&mut self) {
        let resources = self.resources();
        let dropped = [&resources.limit, &resources.deploy_limit];
        let is_said = dropped.iter().any(|at| at.as_ref().is_some_and(|at| at.value().is_none()));
        if resources.memory().is_none() && !is_said {
            let zero = dropped.iter().find_map(|at| at.as_ref()).map(|at| at.place);
            let message = match zero {
                Some(_) => "0 is no limit: the service may take all of the host's memory",
                None => "has no memory limit: it may take all of the host's memory",
            };
            let advice = "measure its peak under work (`slimwright memory`) and set mem_limit above it";
            self.say(Check::NoLimit, zero.unwrap_or(self.service.place), message, advice);
        }
    }

    fn shm(&mut self) {
        let resources = self.resources().clone();
        let Some((limit, _)) = resources.memory() else { return };
        if let Some(at) = &resources.shm
            && let Some(shm) = at.value().copied().filter(|shm| *shm >= limit / 2)
        {
            let (shm, limit) = (Binary(shm as u64), Binary(limit as u64));
            let message = format!("what is in /dev/shm (up to {shm}) counts against the limit of {limit}");
            self.say(
                Check::ShmInLimit,
                at.place,
                message,
                "raise the limit by what /dev/shm really holds, or lower shm_size",
            );
        }
        let Some(tmpfs) = self.service.node.get("tmpfs") else { return };
        let one = |node: &Node| Some((node.text()?.to_owned(), node.place));
        let all: Vec<(String, Place)> =
            tmpfs.list().map_or_else(|| one(tmpfs).into_iter().collect(), |list| list.iter().filter_map(one).collect());
        for (text, place) in all.into_iter().filter(|(text, _)| !text.contains("size=")) {
            let path = text.split(':').next().unwrap_or_default();
            let message = format!(
                "the tmpfs {path} has no size, and what is in it counts against the limit of {}",
                Binary(limit as u64)
            );
            self.say(Check::TmpfsInLimit, place, message, &format!("{path}:size=64m"));
        }
    }

    pub(super) fn swap(&mut self) {
        let resources = self.resources().clone();
        let swap = resources.memory_and_swap();
        let limit = resources.memory();
        let said = resources.swap_limit.as_ref().is_some_and(|at| at.value().is_none());
        match (limit, swap) {
            (Some((limit, _)), Some((-1, place))) => {
                let message = format!("may swap without end beside its limit of {}", Binary(limit as u64));
                self.say(Check::SwapUnlimited, place, message, "memswap_limit equal to the limit allows no swap");
            }
            (Some((limit, _)), Some((both, place))) if both < limit => {
                let message = format!(
                    "memswap_limit ({both} bytes) is memory and swap together, and is below the limit ({limit} bytes)"
                );
                self.say(Check::SwapBelowLimit, place, message, "");
            }
            (None, Some((both, place))) if both > 0 => {
                self.say(
                    Check::SwapWithoutLimit,
                    place,
                    "memswap_limit without a memory limit is refused",
                    "set mem_limit too",
                );
            }
            (Some((limit, place)), None) if !said && self.host.swap != Some(0) => {
                let swap = match self.host.swap {
                    Some(swap) => format!("the host has {} of swap", Binary(swap)),
                    None => "where the host has swap".to_owned(),
                };
                let message = format!(
                    "the limit of {} is up to {} with swap ({swap})",
                    Binary(limit as u64),
                    Binary(2 * limit as u64)
                );
                self.say(
                    Check::SwapDoublesLimit,
                    place,
                    message,
                    "memswap_limit: the same value as the limit allows no swap",
                );
            }
            _ => {}
        }
    }

    pub(super) fn swappiness(&mut self) {
        let Some(at) = self.resources().swappiness.clone() else { return };
        let Some(&value) = at.value() else { return };
        if value == 0 {
            let message = "`mem_swappiness: 0` never reaches the engine";
            return self.say(
                Check::SwappinessZero,
                at.place,
                message,
                "memswap_limit equal to the memory limit keeps it out of swap",
            );
        }
        if !(0..=100).contains(&value) {
            let message = format!("`mem_swappiness` is read as {value}, and the engine takes 0 to 100");
            return self.say(Check::SwappinessRange, at.place, message, "");
        }
        let usual = self.host.swappiness.unwrap_or(60);
        let message = match self.host.cgroup {
            Some(Cgroup::V2) => "the host has cgroup v2, where `mem_swappiness` is forgotten".to_owned(),
            Some(Cgroup::V1) if value == usual => format!("{value} is what a container has without it"),
            Some(Cgroup::V1) => return,
            None if value == usual => {
                format!("does nothing: {value} is the default on cgroup v1, and on v2 it is forgotten")
            }
            None => "does nothing on cgroup v2, where it is forgotten".to_owned(),
        };
        self.say(Check::SwappinessNoEffect, at.place, message, "leave it out");
    }
}
