//! What belongs to the function or its alias, and to no version.

use aws_sdk_lambda::types as sdk;
use model::Fault;

use super::{ABSENT, Function, LIVE, Seen, read::wire};
use crate::{Place, Writer, aws::Absent};

impl Function {
    pub(super) async fn sync_concurrency(&self, at: &Place, seen: &Seen, aws: &Writer) -> Result<(), Fault> {
        match self.reserved_concurrency {
            want if want == seen.concurrency => {}
            None => {
                aws.write(at, "lambda", "DeleteFunctionConcurrency", || {
                    aws.lambda().delete_function_concurrency().function_name(at.name()).send()
                })
                .await?;
            }
            Some(reserved) => {
                aws.write(at, "lambda", "PutFunctionConcurrency", || {
                    let ask = aws.lambda().put_function_concurrency().function_name(at.name());
                    ask.reserved_concurrent_executions(wire(reserved)).send()
                })
                .await?;
            }
        }
        Ok(())
    }

    /// Putting replaces all of it.
    pub(super) async fn sync_async_calls(&self, at: &Place, seen: &Seen, aws: &Writer) -> Result<(), Fault> {
        match &self.async_calls {
            want if *want == seen.async_calls => {}
            None => {
                aws.write(at, "lambda", "DeleteFunctionEventInvokeConfig", || {
                    let ask = aws.lambda().delete_function_event_invoke_config();
                    ask.function_name(at.name()).qualifier(LIVE).send()
                })
                .await
                .absent_on(ABSENT)?;
            }
            Some(calls) => {
                let failure = calls
                    .on_failure
                    .as_ref()
                    .map(|queue| sdk::OnFailure::builder().destination(queue.text().as_str()).build());
                let to = failure.map(|to| sdk::DestinationConfig::builder().on_failure(to).build());
                aws.write(at, "lambda", "PutFunctionEventInvokeConfig", || {
                    let ask = aws.lambda().put_function_event_invoke_config();
                    ask.function_name(at.name())
                        .qualifier(LIVE)
                        .maximum_event_age_in_seconds(wire(calls.max_age_s))
                        .maximum_retry_attempts(wire(calls.retries))
                        .set_destination_config(to.clone())
                        .send()
                })
                .await?;
            }
        }
        Ok(())
    }
}
