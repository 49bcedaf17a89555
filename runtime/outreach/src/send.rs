//! `send-email` and `send-template-email` (R10-R23).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::{
    function::{Deployed, SendEmail, SendTemplateEmail},
    metric as name,
    outreach::{EmailResponse, MailgunSecret, SendVariables, SentEmail},
    reply::VERSION,
    stream::Stream,
    table::Messages,
};
use futures::{StreamExt, TryStreamExt};
use subscription::{Gate, Links, Recipient, Sealer, Token, suppression};
use support::{
    Call, Failed, Reply, Request, Tools,
    auth::User,
    aws::failed,
    http, idempotency,
    idempotency::Turn,
    metric::Metric,
    table::{Key, Reader, Writer, number, text},
};
use tracing::error;

use crate::{
    caller,
    mail::{self, Content, Mail},
    mailgun::{self, NotTaken, Sender, Taken},
    period,
};

/// Tokens that are sealed at the same time.
const AT_ONCE: usize = 32;

pub(crate) async fn email(request: Request, call: Arc<Call<SendEmail>>) -> Result<Reply, Failed> {
    let mail = |body: &[u8]| mail::body(body).and_then(Mail::written);
    let user = admitted_caller(&request, &call).await?;
    let sending = Sending { variables: &call.variables, tools: &call, user };
    sending.handle(&request, SendEmail::FUNCTION.name, mail, "Email sent successfully").await
}

pub(crate) async fn template_email(
    request: Request,
    call: Arc<Call<SendTemplateEmail>>,
) -> Result<Reply, Failed> {
    let mail = |body: &[u8]| mail::body(body).and_then(Mail::from_template);
    let user = admitted_caller(&request, &call).await?;
    let sending = Sending { variables: &call.variables, tools: &call, user };
    sending.handle(&request, SendTemplateEmail::FUNCTION.name, mail, "Template email sent successfully").await
}

async fn admitted_caller<F: Deployed<Variables = SendVariables>>(
    request: &Request,
    call: &Call<F>,
) -> Result<User, Failed> {
    let variables = &call.variables;
    let firebase = (&variables.firebase, &variables.firebase_keys);
    caller::admitted(request, call, firebase, &variables.limits).await
}

/// What both functions do.
struct Sending<'a> {
    variables: &'a SendVariables,
    tools: &'a Tools,
    user: User,
}

impl Sending<'_> {
    async fn handle(
        &self,
        request: &Request,
        function: &str,
        mail: fn(&[u8]) -> Result<Mail, Failed>,
        done: &str,
    ) -> Result<Reply, Failed> {
        let limits = &self.variables.limits;
        let mail = mail(&request.body)?;
        let begun = match idempotency::begin(request, self.tools, limits, function, &self.user.uid).await? {
            Turn::First(begun) => begun,
            Turn::Again(reply) => return Ok(reply),
        };
        match self.send(&mail).await {
            Ok((taken, sent)) => {
                let reply = self.reply(&mail, taken, sent, done);
                if let Err(failed) = begun.answered(&reply, self.tools, limits).await {
                    error!(request = request.id, cause = failed.cause, "the answer is not kept");
                }
                Ok(reply)
            }
            Err(NotTaken::Refused(failed)) => {
                begun.undone(self.tools, limits).await;
                Err(failed)
            }
            // The claim stays: a repetition must not send again.
            Err(NotTaken::Unknown(failed)) => Err(failed),
        }
    }

    /// Sends to those who may be sent to, and returns how many they are.
    async fn send(&self, mail: &Mail) -> Result<(Taken, usize), NotTaken> {
        let to = self.admitted(&mail.to).await.map_err(NotTaken::Refused)?;
        if to.is_empty() {
            let message = "No recipient may be sent to: each has unsubscribed, bounced or complained";
            return Err(NotTaken::Refused(Failed::invalid(message)));
        }
        let sent = to.len();
        let call = self.call_of_mailgun(mail, to).await.map_err(NotTaken::Refused)?;
        let taken = mailgun::outcome(self.tools.http.once(&call).await)?;
        if let Err(failed) = self.keep(mail, &taken, sent).await {
            // It is on its way: an error would make the caller send it again.
            error!(message = taken.id, cause = failed.cause, "a message is not in the statistics");
        }
        Ok((taken, sent))
    }

    /// Without those who must not or do not want to be sent to. Asked of both tables as they are now: who was
    /// told that an opt-out is done before this request began gets no mail.
    async fn admitted(&self, to: &BTreeSet<Recipient>) -> Result<BTreeSet<Recipient>, Failed> {
        let Tools { aws, clock, .. } = self.tools;
        let gate = Gate::of(&self.variables.contacts, aws, *clock);
        let rows = Reader::of(&self.variables.suppression, aws, *clock);
        let suppressed = suppression::suppressed(&rows, to).await?;
        let asked: Vec<Recipient> = to.difference(&suppressed).cloned().collect();
        let verdicts = gate.ensure_recipient_subscription(Stream::Outreach, &asked).await?;
        Ok(verdicts.into_iter().filter(|(_, verdict)| verdict.sends()).map(|(who, _)| who).collect())
    }

    async fn call_of_mailgun(&self, mail: &Mail, to: BTreeSet<Recipient>) -> Result<http::Call, Failed> {
        let (variables, tools) = (self.variables, self.tools);
        let secret: MailgunSecret = tools.secrets.get(&variables.mailgun, &tools.aws, tools.clock).await?;
        let tokens = self.sealed(to, mail.tells_how_to_leave()).await?;
        let sender = Sender {
            url: &variables.mailgun_url.0,
            domain: &variables.mailgun_domain.0,
            from: &variables.sender.0,
            postal_address: &variables.postal_address.0,
            secret: &secret,
        };
        let base = &variables.unsubscribe_url.0;
        let links = Links::new(Stream::Outreach, base, &variables.mailbox, &variables.postal_address);
        sender.call(mail, &tokens, &links)
    }

    /// A token for each recipient, where the mail tells how to leave.
    async fn sealed(
        &self,
        to: BTreeSet<Recipient>,
        tells: bool,
    ) -> Result<BTreeMap<Recipient, Option<Token>>, Failed> {
        if !tells {
            return Ok(to.into_iter().map(|who| (who, None)).collect());
        }
        let sealer = &Sealer::new(&self.tools.aws, &self.variables.key);
        let now_ms = self.tools.clock.now_ms();
        let tokens = futures::stream::iter(to).map(|who| async move {
            let token = sealer.seal(&who, Stream::Outreach, now_ms).await?;
            Ok((who, Some(token)))
        });
        tokens.buffer_unordered(AT_ONCE).try_collect().await
    }

    /// The row of a message. Events may have come before it: their counters stay.
    async fn keep(&self, mail: &Mail, taken: &Taken, sent: usize) -> Result<(), Failed> {
        let now_ms = self.tools.clock.now_ms();
        let sent = i64::try_from(sent).unwrap_or(i64::MAX);
        let tags = mail.tags.iter().map(|tag| text(tag.as_str())).collect();
        let mut values = vec![
            ("campaignId", text(mail.campaign.as_str())),
            ("day", text(period::day(now_ms))),
            ("sentAt", number(now_ms)),
            ("sent", number(sent)),
            ("tags", AttributeValue::L(tags)),
            ("sender", text(self.user.uid.as_str())),
            ("expirationTime", number(period::expiry_s(now_ms, &self.variables.days))),
        ];
        if let Content::Template { name, .. } = &mail.content {
            values.push(("template", text(name.as_str())));
        }
        let messages = &self.variables.messages;
        let writer = Writer::<Messages>::of(messages, &self.tools.aws, self.tools.clock);
        let mut update = writer.update(Key::of(&taken.id));
        let mut assignments = Vec::new();
        for (name, value) in values {
            assignments.push(format!("#{name} = :{name}"));
            update = update
                .expression_attribute_names(format!("#{name}"), name)
                .expression_attribute_values(format!(":{name}"), value);
        }
        let update = update.update_expression(format!("SET {}", assignments.join(", ")));
        update.send().await.map(|_| ()).map_err(|error| failed("UpdateItem", &error))
    }

    fn reply(&self, mail: &Mail, taken: Taken, sent: usize, done: &str) -> Reply {
        let body = EmailResponse {
            success: true,
            message: done.to_owned(),
            message_id: taken.id.clone(),
            data: SentEmail { id: taken.id, message: taken.message, skipped: mail.to.len() - sent },
            timestamp: self.tools.clock.timestamp(),
            version: VERSION.to_owned(),
        };
        let reply = Reply::json(200, &body).measured(Metric::count(name::EMAILS_SENT, sent));
        match &mail.content {
            Content::Template { name, .. } => {
                reply.measured(Metric::count(name::TEMPLATE_USAGE, 1).by("template", name.as_str()))
            }
            Content::Written { .. } => reply,
        }
    }
}
