//! The rotation of the key that links are signed with: late, or not looked after at all (R106).

use contract::{
    function::{Deployed, Rotate},
    metric::{Name, ROTATION_OVERDUE, ROTATION_STUCK},
};
use kinds::{
    World,
    bound::DeclareError,
    kinds::{
        alarm::Alarm,
        dashboard::{Content, Graph, Rows},
        topic::Topic,
    },
};
use model::Ref;

use super::{HEIGHT, HOUR_S, STACK, lambda, lines, written};
use crate::{Environment, reports};

pub(super) fn declare(
    world: &mut World,
    environment: &Environment,
    told: &Ref<Topic>,
    rows: Rows,
) -> Result<Rows, DeclareError> {
    if !reports::is_served(environment) {
        return Ok(rows);
    }
    let function = &Rotate::FUNCTION;
    let late = |name: Name, text: &str| {
        Alarm::count(written(name, function).every(HOUR_S), 0).described(text.to_owned()).telling(told)
    };
    let rotation = &environment.rotation;
    let overdue = format!("The signing key is older than it may be by {} days.", rotation.overdue_days);
    world.add(STACK, "rotation-overdue", late(ROTATION_OVERDUE, &overdue))?;
    let stuck = format!("A step of the signing key's rotation is late by {} hours.", rotation.stuck_hours);
    world.add(STACK, "rotation-stuck", late(ROTATION_STUCK, &stuck))?;
    // It runs once an hour, too seldom for a share of its calls to mean something.
    let failing = Alarm::count(lambda(function, "Errors")?.every(HOUR_S), 0)
        .described("The rotation of the signing key cannot go on.".to_owned())
        .telling(told);
    world.add(STACK, "rotation-failing", failing)?;
    let graphs = [
        Content::Graph(Graph::of("Signing key overdue", lines(ROTATION_OVERDUE))),
        Content::Graph(Graph::of("Rotation stuck", lines(ROTATION_STUCK))),
    ];
    Ok(rows.heading("Keys").row(HEIGHT, graphs))
}
