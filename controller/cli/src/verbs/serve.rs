//! `dn serve`: the deployed APIs of an embedded account on the loopback, running the real Lambda binaries.

use std::{io, sync::Arc};

use sandbox::Account;
use serve::{live, news::News, runtime::pool::Bounds, server};

mod surroundings;

use surroundings::Surroundings;

use super::run::wait_for_signal;
use crate::{
    args,
    exit::{Done, Failure, Kind},
    project::Project,
    render,
    screen::Screen,
};

pub(crate) async fn run(project: &Project, screen: &Screen, args: args::Serve) -> Result<Done, Failure> {
    let environment = project.environment(&args.stage)?;
    if !environment.embedded {
        let text = format!("stage {} is an AWS account: what it deployed is served by AWS", args.stage);
        return Err(Failure::new(Kind::Blocked, text).hint(
            "`dn serve sandbox` serves the embedded account; `dn outputs` prints the URLs of the others",
        ));
    }
    let state = project.state(&args.stage);
    let (id, region) = (environment.account.as_str(), environment.region.as_str());
    let account = Account::open(id, region, &state, || {}).map_err(|error| Failure::file(&state, &error))?;
    let deployed = live::of(&account);
    if deployed.apis().is_empty() {
        let text = format!(
            "nothing is deployed in {} yet: `dn apply {}` in another terminal",
            args.stage, args.stage
        );
        screen.remark(&text);
    }
    let screen_of_news = *screen;
    let say = move |text: &str| screen_of_news.remark(text);
    let surroundings = Arc::new(Surroundings::new(account.clone(), deployed.clone(), say));
    let around = surroundings.clone();
    let news = Arc::new(move |news: News| {
        show(&screen_of_news, &args.stage, &news);
        let News::Serving { url, routes, .. } = news else { return };
        let around = around.clone();
        tokio::spawn(async move {
            if let Some(example) = around.meet(&url, &routes).await {
                screen_of_news.data(&format!("  {example}\n"));
            }
        });
    });
    let (port, code, bounds) = (args.port, state.join("code"), Bounds::default());
    let options = server::Options { account, deployed, port, code, bounds, news };
    let served = server::run(options, interrupted(screen)).await;
    surroundings.close().await;
    served.map_err(|error| unavailable(port, &error))?;
    Ok(Done::Nothing)
}

/// Resolves at the first interruption; the second one leaves at once.
async fn interrupted(screen: &Screen) {
    wait_for_signal().await;
    screen.remark("interrupted: finishing what is in flight; once more leaves at once");
    tokio::spawn(async {
        wait_for_signal().await;
        std::process::exit(super::run::INTERRUPTED);
    });
}

/// Addresses are what was asked for; everything else is a remark.
fn show(screen: &Screen, stage: &str, news: &News) {
    match news {
        News::Serving { .. } => screen.data(&render::serving_text(news, &screen.style())),
        _ => screen.remark(&render::news_text(news, stage)),
    }
}

fn unavailable(port: u16, error: &io::Error) -> Failure {
    let failure = Failure::error(format!("nothing can be served: {error}"));
    match error.kind() {
        io::ErrorKind::AddrInUse => failure.hint("choose another with --port; 0 is any"),
        io::ErrorKind::PermissionDenied => {
            failure.hint(format!("port {port} is for others; choose one above 1023 with --port"))
        }
        _ => failure,
    }
}
