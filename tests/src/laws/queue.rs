//! Examples of queues.

use kinds::kinds::queue::{DeadLetters, Encryption, Queue};
use model::policy::{Policy, Statement};

use super::{Example, hold};

pub(crate) fn examples() -> [Example<Queue>; 1] {
    [Example {
        name: "standard",
        declare: |world| {
            let dead = world.add("laws", "dead", Queue::standard()).expect("an address");
            Queue {
                dead_letters: Some(DeadLetters { queue: dead.arn(), after_receives: 3 }),
                ..Queue::standard()
            }
        },
        mutations: &[
            ("visibility_s", |queue| queue.visibility_s = 77),
            ("retention_s", |queue| queue.retention_s = 1_000),
            ("delay_s", |queue| queue.delay_s = 7),
            ("receive_wait_s", |queue| queue.receive_wait_s = 20),
            ("message_bytes_max", |queue| queue.message_bytes_max = 4_096),
            ("encryption", |queue| queue.encryption = Encryption::None),
            ("dead_letters", |queue| queue.dead_letters = None),
            ("policy", |queue| {
                let allow = Statement::allow(["sqs:SendMessage"], ["*"]).to_service("sns.amazonaws.com");
                queue.policy = Some(Policy::new([allow]));
            }),
        ],
    }]
}

#[tokio::test(start_paused = true)]
async fn laws_of_the_queue() {
    hold(&examples()).await;
}
