//! `dn secret set`: a secret's value, from standard input or a hidden prompt, never from an argument.

use std::io::{self, Read};

use kinds::{
    Place, Resource,
    kinds::secret::{Secret, SecretText, put_value},
};
use model::{Declared, Tags};

use crate::{
    args,
    exit::{Done, Failure},
    project::Project,
    screen::Screen,
    session::Session,
    verbs::noted::noted,
};

pub(crate) async fn set(project: &Project, screen: &Screen, args: args::SecretSet) -> Result<Done, Failure> {
    let session = Session::without_code(project, &args.stage.stage)?;
    let secret = find(&session, &args.name)?;
    let connected = session.connect(&args.stage).await?;
    let value = tokio::task::spawn_blocking({
        let (asks, prompt) = (screen.can_ask(), format!("{}: ", secret.address));
        move || read(asks, &prompt)
    });
    let value = value.await.map_err(|error| Failure::error(error.to_string()))?;
    let value = value.map_err(|error| Failure::error(format!("the value cannot be read: {error}")))?;
    if value.is_empty() {
        return Err(Failure::error("the value is empty, and nothing was changed")
            .hint(format!("dn secret set {} {} < FILE", args.stage.stage, args.name)));
    }
    let place = Place { address: secret.address.clone(), physical: secret.physical, tags: Tags::new() };
    noted(&connected, screen, "secret set", "", async |aws| {
        Ok(put_value(&aws, &place, SecretText::new(value)).await.map(drop)?)
    })
    .await?;
    screen.remark(&format!("{} has a new value", secret.address));
    Ok(Done::Nothing)
}

/// The declared secret of this name or address.
fn find(session: &Session, name: &str) -> Result<Declared, Failure> {
    let mut secrets: Vec<Declared> =
        session.declared().into_iter().filter(|one| one.address.kind() == Secret::KIND).collect();
    let names: Vec<String> = secrets.iter().map(|one| one.address.to_string()).collect();
    secrets.retain(|one| one.address.name() == name || one.address.to_string() == name);
    match (secrets.pop(), secrets.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(Failure::error(format!("several secrets are called {name}"))
                .hint("name it by its whole address"))
        }
        (None, _) => Err(Failure::error(format!("no secret is called {name}"))
            .hint(format!("secrets of this stage: {}", names.join(", ")))),
    }
}

/// One line without its end from a person; everything but the last end of line from a pipe.
pub(crate) fn read(asks: bool, prompt: &str) -> io::Result<String> {
    if asks {
        return rpassword::prompt_password(prompt);
    }
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    let cut = text.strip_suffix('\n').map_or(text.len(), str::len);
    text.truncate(cut);
    Ok(text)
}
