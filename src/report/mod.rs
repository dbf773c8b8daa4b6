//! Writes what was found down so that it can be read: one [`Report`] (and [`PlanReport`]), a pure renderer a
//! format. Renderers never filter and know neither clock nor machine.
