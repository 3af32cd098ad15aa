//! 混沌试验: a whole centre as real processes under a steady load, faults whose schedule follows from a seed, and the
//! invariants checked from outside. `docs/chaos.md` says what each fault does and how a run is told again.

pub mod centre;
pub mod checks;
pub mod faults;
pub mod history;
pub mod load;
pub mod mounts;
pub mod mutants;
pub mod nats;
pub mod pack;
pub mod people;
pub mod proxy;
pub mod random;
pub mod replica;
pub mod run;
pub mod scores;
pub mod undertaker;
pub mod watch;
