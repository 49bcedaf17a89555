//! Tables from the shapes that the handlers share.

use contract::table::{self, Type};
use kinds::{
    World,
    bound::{DeclareError, Handle},
    kinds::table::{Attribute, Index, Recovery, Table},
};

use crate::Environment;

/// Declares a table of this shape, protected as the environment says.
#[track_caller]
pub(crate) fn add(
    world: &mut World,
    stack: &str,
    shape: &table::Table,
    environment: &Environment,
) -> Result<Handle<Table>, DeclareError> {
    let mut table = Table::on_demand(attribute(shape.hash));
    if let Some(range) = shape.range {
        table = table.sorted_by(attribute(range));
    }
    for index in shape.indexes {
        let on = Index::on(attribute(index.hash));
        let on = match index.range {
            Some(range) => on.sorted_by(attribute(range)),
            None => on,
        };
        table = table.index(index.name, on);
    }
    table.ttl = shape.expiry.map(str::to_owned);
    if shape.keeps {
        table.deletion_protection = environment.data.deletion_protection;
        table.point_in_time_recovery = environment.data.point_in_time_recovery.then_some(Recovery::DEFAULT);
    }
    world.add(stack, shape.name, table)
}

fn attribute(shape: table::Attribute) -> Attribute {
    match shape.of {
        Type::Text => Attribute::text(shape.name),
        Type::Number => Attribute::number(shape.name),
    }
}
