//! What every store must do. Each case is written once, against the trait, and runs on every store.

mod bench;
mod claims;
mod import;
mod ledger;
mod listing;
mod opening;
mod outcomes;
mod race;
mod sample;

/// One test for each case of each area.
macro_rules! tests {
    ($store:ident: $($area:ident { $($case:ident),+ $(,)? })+) => {
        mod $store {
            $(mod $area {
                $(#[tokio::test]
                async fn $case() {
                    let bench = crate::store::bench::$store().await;
                    crate::store::$area::$case(&*bench.store, &bench.clock).await;
                })+
            })+
        }
    };
}

macro_rules! every_case_on {
    ($store:ident) => {
        tests! { $store:
            import {
                new_changed_and_same_rows_are_told_apart,
                a_dry_run_keeps_nothing,
                what_is_not_said_stays_and_an_empty_cell_clears,
                rows_of_one_batch_build_on_each_other,
                an_installment_may_move,
                money_is_exact,
                a_paid_amount_does_not_outlive_its_currency,
                odd_text_comes_back_as_it_went_in,
            }
            ledger {
                pages_hold_every_open_group_once_and_whole,
                pages_stay_within_their_dates,
                a_page_names_the_suppressed_channels,
                an_account_tells_all_of_the_day,
                a_suppression_holds_for_its_merchant_or_for_all,
                a_suppression_ends_and_is_replaced,
                installments_are_found_by_what_is_known,
            }
            claims {
                a_key_is_planned_once,
                a_plan_can_be_tried_without_keeping_it,
                only_what_is_due_is_claimed_the_longest_waiting_first,
                two_claimers_never_get_the_same,
                a_claim_sees_what_was_recorded_before_it,
                what_is_skipped_ends_with_its_reason,
                what_is_deferred_comes_back_and_uses_up_no_attempt,
                a_resend_keeps_who_and_why,
                counts_and_next_due_follow_the_queue,
                a_turn_is_held_by_one,
            }
            outcomes {
                an_accepted_one_is_done,
                a_failed_one_is_done,
                a_retry_comes_back_with_the_next_attempt,
                an_older_attempt_changes_nothing,
                a_late_proof_counts_until_the_next_attempt,
                an_unknown_stays_for_proof,
                only_leases_that_ran_out_are_reaped,
            }
            listing {
                every_state_is_shown_and_found,
                reminders_are_found_by_what_is_known,
                pages_go_from_new_to_old,
                history_is_told_in_order,
            }
        }
    };
}

every_case_on!(memory);
every_case_on!(postgres);
every_case_on!(sqlite);
