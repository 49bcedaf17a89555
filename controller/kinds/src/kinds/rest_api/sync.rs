//! From a draft to what callers get: a deployment of it, and the stage that shows the deployment.

use aws_sdk_apigateway::types::{Deployment, Stage as FoundStage};
use model::Fault;

use super::{
    MARK, RestApi,
    identity::{self, ABSENT},
    look::{self, pages},
    mark,
    patch::Patch,
    stage::Stage,
};
use crate::{Place, Writer, aws::Absent};
use identity::PAGE;

/// Deployments that are kept beside those that a stage shows, to go back to.
const KEPT: usize = 5;

/// Makes the stage show the draft, which is as declared by now, and gives it its settings.
pub(super) async fn stage(
    api: &RestApi,
    at: &Place,
    id: &str,
    live: &RestApi,
    aws: &Writer,
) -> Result<(), Fault> {
    let shows_it = live.body.deployed() && api.served() == live.served();
    if shows_it && api.stage == live.stage {
        return Ok(());
    }
    let stages = look::stages(at, id, aws).await?.unwrap_or_default();
    let found = stages.iter().find(|stage| stage.stage_name() == Some(api.stage.name.as_str()));
    let mut patch = Patch::default();
    let mut made = None;
    let shown = match found.and_then(FoundStage::deployment_id) {
        Some(shown) if shows_it && api.stage.name == live.stage.name => shown.to_owned(),
        shown => {
            let deployments = deployments(at, id, aws).await?;
            let deployment = deployed(api, at, id, &deployments, aws).await?;
            if shown.is_some_and(|shown| shown != deployment) {
                patch.replace("/deploymentId", &deployment);
            }
            made = Some(deployments);
            deployment
        }
    };
    let have = match found {
        Some(found) => {
            tag(at, id, found, aws).await?;
            Stage::read(found)
        }
        None => create(api, at, id, &shown, aws).await?,
    };
    api.stage.patch(&have, &mut patch);
    if let Some(operations) = patch.operations() {
        aws.write(at, "apigateway", "UpdateStage", || {
            let ask = aws.apigateway().update_stage().rest_api_id(id).stage_name(&api.stage.name);
            ask.set_patch_operations(Some(operations.clone())).send()
        })
        .await
        .map_err(|error| {
            let no_role = error.message().contains("CloudWatch Logs role");
            let fault = Fault::from(error);
            if no_role {
                fault.hint("declare the gateway account, whose role writes the logs, before it")
            } else {
                fault
            }
        })?;
    }
    let strays = remove_strays(api, at, id, &stages, aws).await?;
    if let Some(before) = made {
        let used = stages.iter().filter(|stage| stage.stage_name() != Some(&api.stage.name));
        let used = used.filter(|stage| !strays.contains(&stage.stage_name().unwrap_or_default()));
        let used: Vec<&str> = used.filter_map(FoundStage::deployment_id).chain([shown.as_str()]).collect();
        prune(at, id, before, &used, aws).await?;
    }
    Ok(())
}

async fn deployments(at: &Place, id: &str, aws: &Writer) -> Result<Vec<Deployment>, Fault> {
    let aws = aws.reader();
    let ask = || aws.apigateway().get_deployments().rest_api_id(id);
    Ok(pages!(&at.address, aws, "GetDeployments", ABSENT, ask()).unwrap_or_default())
}

/// A deployment of what is declared: one that is there (of a run that was killed, or of this draft as it once
/// was) or a new one.
async fn deployed(
    api: &RestApi,
    at: &Place,
    id: &str,
    deployments: &[Deployment],
    aws: &Writer,
) -> Result<String, Fault> {
    let mark = mark(&api.served());
    let same = deployments.iter().filter(|one| one.description() == Some(mark.as_str()));
    let last = same.max_by_key(|one| one.created_date().map(aws_sdk_apigateway::primitives::DateTime::secs));
    if let Some(there) = last.and_then(Deployment::id) {
        return Ok(there.to_owned());
    }
    // Never with a stage's name: that would move the stage by itself, and set its description.
    let made = aws
        .write(at, "apigateway", "CreateDeployment", || {
            aws.apigateway().create_deployment().rest_api_id(id).description(&mark).send()
        })
        .await?;
    made.id.ok_or_else(|| Fault::refused(&at.address, "API Gateway deployed it and did not say how"))
}

/// What a stage cannot be born with follows by `UpdateStage`.
async fn create(api: &RestApi, at: &Place, id: &str, deployment: &str, aws: &Writer) -> Result<Stage, Fault> {
    let Stage { name, variables, tracing, .. } = &api.stage;
    aws.write(at, "apigateway", "CreateStage", || {
        let ask = aws.apigateway().create_stage().rest_api_id(id).stage_name(name).deployment_id(deployment);
        ask.set_variables(Some(variables.clone().into_iter().collect()).filter(|_| !variables.is_empty()))
            .tracing_enabled(*tracing)
            .set_tags(Some(at.birth_tags().into_iter().collect()))
            .send()
    })
    .await?;
    Ok(Stage { variables: variables.clone(), tracing: *tracing, ..Stage::named(name) })
}

/// The tags that tell a stage from those that others made.
async fn tag(at: &Place, id: &str, found: &FoundStage, aws: &Writer) -> Result<(), Fault> {
    if look::is_ours(found, at, aws) {
        return Ok(());
    }
    let arn =
        identity::arn(aws, "restapis", &format!("{id}/stages/{}", found.stage_name().unwrap_or_default()));
    aws.write(at, "apigateway", "TagResource", || {
        let tags = at.birth_tags().into_iter().collect();
        aws.apigateway().tag_resource().resource_arn(&arn).set_tags(Some(tags)).send()
    })
    .await?;
    Ok(())
}

/// Removes stages of other names that carry our tags. One that a usage plan still names stays: the plan is
/// changed after the API, and the next run removes it.
async fn remove_strays<'s>(
    api: &RestApi,
    at: &Place,
    id: &str,
    stages: &'s [FoundStage],
    aws: &Writer,
) -> Result<Vec<&'s str>, Fault> {
    let mut removed = Vec::new();
    let others =
        stages.iter().filter(|stage| look::is_ours(stage, at, aws)).filter_map(FoundStage::stage_name);
    for name in others.filter(|name| *name != api.stage.name) {
        let deleted = aws
            .write(at, "apigateway", "DeleteStage", || {
                aws.apigateway().delete_stage().rest_api_id(id).stage_name(name).send()
            })
            .await;
        match deleted {
            Err(error) if error.is("BadRequestException") => {}
            other => {
                other.absent_on(ABSENT)?;
                removed.push(name);
            }
        }
    }
    Ok(removed)
}

/// Deletes our own old deployments, but for the last few and those in use.
async fn prune(
    at: &Place,
    id: &str,
    mut all: Vec<Deployment>,
    used: &[&str],
    aws: &Writer,
) -> Result<(), Fault> {
    all.retain(|one| one.description().is_some_and(|text| text.starts_with(MARK)));
    all.retain(|one| one.id().is_some_and(|id| !used.contains(&id)));
    all.sort_by_key(|one| {
        std::cmp::Reverse(one.created_date().map(|date| (date.secs(), date.subsec_nanos())))
    });
    for old in all.iter().skip(KEPT).filter_map(Deployment::id) {
        aws.write(at, "apigateway", "DeleteDeployment", || {
            aws.apigateway().delete_deployment().rest_api_id(id).deployment_id(old).send()
        })
        .await
        .absent_on(ABSENT)?;
    }
    Ok(())
}
