//! The resource graph: an edge leads from a resource to what it refers to, which is made before it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use layout::{
    backends::svg::SVGWriter,
    core::{base::Orientation, color::Color, geometry::Point, style::StyleAttr},
    std_shapes::shapes::{Arrow, Element, ShapeKind},
    topo::layout::VisualGraph,
};
use model::{Address, Declared};

/// Fills that black text is readable on, one for each stack in turn.
const FILLS: [u32; 6] = [0xe8f0fe, 0xe6f4ea, 0xfef7e0, 0xfce8e6, 0xf3e8fd, 0xe4f7fb];
const FONT: usize = 14;

/// All resources and references, for Graphviz and for programs.
pub(crate) fn graph_dot(declared: &[Declared]) -> String {
    let mut out = String::from("digraph resources {\n  rankdir=LR;\n  node [shape=box];\n");
    for (stack, members) in stacks(declared) {
        let _ = writeln!(out, "  subgraph \"cluster_{stack}\" {{\n    label=\"{stack}\";");
        for at in members {
            let _ = writeln!(out, "    \"{at}\" [label=\"{}\\n{}\"];", at.name(), at.kind());
        }
        out.push_str("  }\n");
    }
    for (from, to) in edges(declared).iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        let _ = writeln!(out, "  \"{from}\" -> \"{to}\";");
    }
    out.push_str("}\n");
    out
}

/// The graph as a picture. References that follow from others are left out: seventy resources that all use one
/// key would hide everything else.
pub(crate) fn graph_svg(declared: &[Declared]) -> String {
    let mut graph = VisualGraph::new(Orientation::LeftToRight);
    let mut handles = BTreeMap::new();
    for ((_, members), fill) in stacks(declared).into_iter().zip(FILLS.iter().cycle()) {
        for at in members {
            let fill = Some(Color::new((fill << 8) | 0xff));
            let look = StyleAttr::new(Color::fast("black"), 1, fill, 6, FONT);
            let text = format!("{}\n{} {}", at.stack(), at.kind(), at.name());
            #[expect(clippy::cast_precision_loss, reason = "a name has at most a few hundred characters")]
            let size = Point::new(text.lines().map(str::len).max().unwrap_or(0) as f64 * 8.0 + 16.0, 44.0);
            let shape = ShapeKind::new_box(&text);
            handles.insert(at, graph.add_node(Element::create(shape, look, Orientation::LeftToRight, size)));
        }
    }
    let edges = reduced(&edges(declared));
    for (from, to) in edges.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        if let (Some(from), Some(to)) = (handles.get(from), handles.get(to)) {
            let mut arrow = Arrow::simple("");
            arrow.look = StyleAttr::new(Color::fast("dimgray"), 1, None, 0, FONT);
            graph.add_edge(arrow, *from, *to);
        }
    }
    let mut out = SVGWriter::new();
    if !handles.is_empty() {
        graph.do_it(false, false, false, &mut out);
    }
    out.finalize()
}

fn stacks(declared: &[Declared]) -> BTreeMap<&str, BTreeSet<&Address>> {
    let mut stacks: BTreeMap<&str, BTreeSet<&Address>> = BTreeMap::new();
    for one in declared {
        stacks.entry(one.address.stack()).or_default().insert(&one.address);
    }
    stacks
}

type Edges = BTreeMap<Address, BTreeSet<Address>>;

fn edges(declared: &[Declared]) -> Edges {
    declared.iter().map(|one| (one.address.clone(), one.references.clone())).collect()
}

/// Without the edges whose end is reached by a longer way too.
fn reduced(edges: &Edges) -> Edges {
    let reach: BTreeMap<&Address, BTreeSet<&Address>> =
        edges.keys().map(|from| (from, reached(edges, from))).collect();
    let direct = |all: &BTreeSet<Address>| {
        let beyond = |to: &&Address| {
            !all.iter().any(|other| other != *to && reach.get(other).is_some_and(|far| far.contains(to)))
        };
        all.iter().filter(beyond).cloned().collect()
    };
    edges.iter().map(|(from, all)| (from.clone(), direct(all))).collect()
}

fn reached<'a>(edges: &'a Edges, from: &Address) -> BTreeSet<&'a Address> {
    let mut seen = BTreeSet::new();
    let mut queue: Vec<&Address> = edges.get(from).into_iter().flatten().collect();
    while let Some(next) = queue.pop() {
        if seen.insert(next) {
            queue.extend(edges.get(next).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use model::{Fields, Outputs, Text};

    use super::*;

    fn declared(address: &str, needs: &[&str]) -> Declared {
        let mut fields = Fields::default();
        let needs: Vec<Text> = needs.iter().map(|to| Text::of(&to.parse().unwrap(), "arn")).collect();
        fields.field("needs", &needs);
        let address: Address = address.parse().unwrap();
        let physical = address.name().to_owned();
        Declared::new(address, physical, fields, None, Outputs::new())
    }

    /// About seventy resources in five stacks, as a real stage has them.
    fn stage() -> Vec<Declared> {
        let mut all = vec![declared("shared/key/data", &[])];
        let tables = ["audit", "campaigns", "contacts", "invoices", "sessions"];
        for table in tables {
            all.push(declared(&format!("shared/table/{table}"), &["shared/key/data"]));
        }
        all.push(declared("shared/topic/alerts", &["shared/key/data"]));
        all.push(declared("shared/queue/dead-letters", &["shared/key/data"]));
        for (number, stack) in ["dn_api", "financial", "operations", "outreach"].into_iter().enumerate() {
            let api = format!("{stack}/rest api/main");
            let mut functions = Vec::new();
            for (place, name) in ["list", "send", "webhook"].into_iter().enumerate() {
                let [logs, role, function] =
                    ["log group", "role", "function"].map(|kind| format!("{stack}/{kind}/{name}"));
                let table = |of: usize| format!("shared/table/{}", tables[of % tables.len()]);
                all.push(declared(&logs, &["shared/key/data"]));
                let needs = [logs.clone(), table(number + place), table(number + 2 * place + 1)];
                let needs: Vec<&str> = needs.iter().map(String::as_str).chain(["shared/key/data"]).collect();
                all.push(declared(&role, &needs));
                all.push(declared(&function, &[&role, &logs]));
                functions.push(function);
            }
            all.push(declared(&api, &functions.iter().map(String::as_str).collect::<Vec<_>>()));
            all.push(declared(&format!("{stack}/usage plan/standard"), &[&api]));
            for alarm in ["5xx", "latency"] {
                all.push(declared(&format!("{stack}/alarm/{alarm}"), &[&api, "shared/topic/alerts"]));
            }
        }
        let alarms: Vec<String> = all
            .iter()
            .map(|one| one.address.to_string())
            .filter(|address| address.contains("/alarm/"))
            .collect();
        all.push(declared(
            "operations/dashboard/main",
            &alarms.iter().map(String::as_str).collect::<Vec<_>>(),
        ));
        all
    }

    #[test]
    fn dot_names_every_resource_and_reference() {
        let dot = graph_dot(&stage()[..3]);
        assert_eq!(
            dot,
            r#"digraph resources {
  rankdir=LR;
  node [shape=box];
  subgraph "cluster_shared" {
    label="shared";
    "shared/key/data" [label="data\nkey"];
    "shared/table/audit" [label="audit\ntable"];
    "shared/table/campaigns" [label="campaigns\ntable"];
  }
  "shared/table/audit" -> "shared/key/data";
  "shared/table/campaigns" -> "shared/key/data";
}
"#
        );
    }

    #[test]
    fn the_picture_leaves_out_references_that_follow_from_others() {
        let all = [
            declared("a/b/one", &[]),
            declared("a/b/two", &["a/b/one"]),
            declared("a/b/three", &["a/b/one", "a/b/two"]),
        ];
        let arrows = |picture: &str| picture.matches("<path id=\"arrow").count();
        assert_eq!(edges(&all).values().map(BTreeSet::len).sum::<usize>(), 3);
        assert_eq!(arrows(&graph_svg(&all)), 2);
    }

    #[test]
    fn a_stage_is_drawn_whole_and_the_same_each_time() {
        let stage = stage();
        let picture = graph_svg(&stage);
        assert_eq!(picture, graph_svg(&stage));
        assert_eq!(picture.matches("<rect").count(), stage.len());
        assert!(picture.starts_with("<?xml") && picture.ends_with("</svg>"));
        assert!(graph_svg(&[]).ends_with("</svg>"));
    }
}
