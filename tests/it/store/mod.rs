//! The behaviour that every store must have. Each case is written once, against the trait, and runs on every store.

mod api;
mod api_effects;
mod audit;
mod audit_entries;
mod bench;
mod cancelled;
mod caps;
mod catch_up;
mod claims;
mod connections;
mod costs;
mod crossing;
mod deliveries;
mod encryption;
mod fallbacks;
mod first_release;
mod funnel;
mod gateways;
mod holds;
mod import;
mod incarnation;
mod inside;
mod landing;
mod lanes;
mod ledger;
mod ledger_parts;
mod listing;
mod messages;
mod notices;
mod opening;
pub(crate) mod outcomes;
mod payments;
mod preferences;
mod provider_report;
mod race;
mod rates;
mod receipts;
mod rejects;
mod replies;
mod reports;
mod resends;
pub(crate) mod roles;
mod routes;
pub(crate) mod sample;
mod scans;
mod sealed_messages;
mod search;
mod sources;
mod spellings;
mod stops;
mod suppression_changes;
mod ties;
mod unknowns;
mod upgrade;
mod users;
mod volumes;
mod web_role;
mod webhooks;

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
            webhooks {
                what_happens_to_a_borrower_is_told_in_order,
                a_payment_before_a_click_or_without_one_is_not_told,
                an_opt_out_is_told_once_for_each_borrower,
                a_route_is_told_when_it_turns,
                progress_is_saved_by_who_read_the_state,
                a_person_replays_and_enables,
            }
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
                since_when_nothing_is_owed_is_on_record,
                payments_are_known_since_they_were_imported,
                pages_stay_within_their_dates,
                a_page_names_the_suppressed_channels,
                an_account_tells_all_of_the_day,
                a_suppression_holds_for_its_merchant_or_for_all,
                a_suppression_ends_and_is_replaced,
                installments_are_found_by_what_is_known,
            }
            encryption {
                a_verifier_is_kept_as_a_hash,
            }
            api {
                a_token_is_found_while_it_is_valid,
                a_use_is_recorded_once_a_minute,
                a_key_has_one_answer,
                who_was_taken_over_does_nothing,
                what_could_not_end_may_begin_again_at_once,
                an_effect_and_its_answer_are_there_together,
                of_many_at_once_one_begins,
            }
            users {
                a_user_comes_back_as_added,
                work_has_the_name_of_who_took_it,
                the_last_admin_stays,
                a_user_sees_the_console_in_another_language_and_zone,
                of_two_admins_who_disable_each_other_one_stays,
                a_session_lasts_while_it_is_used,
                a_use_of_a_session_is_recorded_once_a_minute,
                a_login_replaces_the_session_of_its_browser,
                whoever_is_disabled_is_logged_out_everywhere,
                a_new_password_ends_sessions_and_logins_under_way,
                wrong_passwords_lock_out_a_client_and_nobody_else,
            }
            audit_entries {
                every_change_by_hand_leaves_its_entry,
            }
            audit {
                entries_are_found_by_what_they_are_about,
                of_many_at_once_each_has_its_place,
                only_a_signed_store_leaves_entries,
                a_checkpoint_is_kept_once,
            }
            api_effects {
                a_waiting_reminder_is_cancelled_once,
                unknown_ones_are_settled_with_their_receipts,
                records_of_another_merchant_are_not_dropped,
                a_notice_is_moved_once,
            }
            ledger_parts {
                a_part_is_written_while_its_request_runs,
                who_was_taken_over_writes_nothing,
                borrowers_come_without_instalments,
                payments_come_behind_rows_and_records,
            }
            search {
                borrowers_are_found_by_name_and_end_of_phone,
                borrowers_are_found_by_phone_and_address,
                a_borrower_is_found_by_what_is_known_now,
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
            volumes {
                a_flood_waits_until_a_person_approves_it,
                a_day_is_measured_by_the_thirty_before_it,
            }
            suppression_changes {
                what_people_do_to_stops_is_on_record,
                what_people_do_to_addresses_is_on_record,
                an_opt_out_ends_by_two_persons,
            }
            resends {
                a_second_is_refused_while_the_first_is_on_its_way,
                a_second_is_sent_once_the_first_has_ended,
                of_many_at_once_one_is_sent,
            }
            landing {
                clicks_are_kept_in_their_order,
                clicks_of_a_borrower_are_newest_first,
                tries_run_out_and_come_back,
                many_tries_at_once_are_no_more_than_in_a_row,
                a_stranger_keeps_a_borrower_out_for_an_hour_at_most,
                a_client_has_so_many_tries_at_all_borrowers,
            }
            ties {
                a_tie_goes_by_the_rules_order,
                what_cannot_be_sent_neither_takes_a_place_nor_keeps_others_waiting,
                what_is_held_keeps_no_place,
                what_is_paid_keeps_no_place,
                what_may_be_paid_keeps_no_place,
                the_borrowers_preferred_channel_goes_first,
                what_has_waited_too_long_keeps_no_place,
            }
            caps {
                within_one_batch_the_counts_go_on,
                priority_chooses_within_one_batch,
                what_is_under_way_or_sent_on_any_channel_counts,
                doubt_counts_and_proof_that_nothing_left_does_not,
                a_person_is_counted_over_all_merchants_if_so_set,
                an_address_of_many_is_nobodys_own,
                another_channels_address_says_nothing_about_who_it_is,
                what_is_beside_is_read_only_when_asked_for,
                an_account_tells_what_a_claim_would_read,
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
            messages {
                what_was_handed_over_is_shown_again_as_it_was,
                a_message_whose_form_is_lost_is_named,
                a_report_that_overtakes_the_answer_leaves_no_message,
            }
            lanes {
                a_retry_waits_for_the_gateway_it_names,
                the_next_due_one_may_wait_for_any_gateway,
                a_new_reminder_waits_for_a_gateway_of_its_merchant,
                what_is_found_in_the_wrong_list_is_passed_on,
                what_waits_for_no_lane_is_rescued_once_it_is_late,
                after_a_change_reminders_wait_for_the_gateways_of_their_merchants,
                what_is_released_begins_with_the_first_gateway_of_its_list,
                a_gateway_that_is_no_more_gives_its_reminders_to_the_first,
                what_is_put_in_behind_the_head_is_soon_claimed,
            }
            rates {
                claimers_share_a_gateways_permits,
                what_is_not_sent_uses_no_permit,
                what_is_not_sent_keeps_nobody_from_being_sent,
                a_gateways_day_has_its_end,
                after_a_pause_a_burst_leaves_at_once,
            }
            sources {
                a_known_installment_is_amended_and_nothing_else_of_it,
                a_source_is_read_forward_only,
                each_branch_is_read_forward_only,
                what_vanished_is_cancelled_or_held_until_it_comes_back,
                the_merchants_that_a_source_has_named_stay,
            }
            deliveries {
                a_delivery_counts_once_and_a_signal_is_news_again,
            }
            payments {
                what_is_posted_counts_and_an_older_row_does_not_undo_it,
                what_is_pending_holds_until_it_lapses,
                a_payment_waits_for_its_instalment,
                the_ledger_is_right_in_the_end,
            }
            rejects {
                a_rejected_record_holds_its_installment_until_a_sound_row_comes,
                whatever_ends_a_record_releases_what_it_held,
                what_comes_later_in_a_batch_counts,
                a_row_that_does_not_speak_of_the_payment_leaves_it,
                a_payment_waits_for_its_installment,
                a_payment_that_does_not_fit_holds_until_one_fits,
                what_cannot_be_read_holds_nothing_and_is_kept_once,
                a_record_is_dropped_on_record,
                a_retry_applies_a_record_unless_another_took_its_place,
                a_retried_payment_may_have_to_wait,
                what_a_digest_would_take_along_is_told_as_well,
            }
            spellings {
                an_address_is_suppressed_in_any_spelling,
                one_address_has_one_suppression,
                a_person_is_counted_by_the_address_in_any_spelling,
                a_bounce_may_spell_the_address_its_own_way,
            }
            gateways {
                the_latest_word_of_each_process_is_known_for_a_day,
            }
            incarnation {
                a_claim_gets_nothing_from_another_generation_or_from_smaller_numbers,
                what_is_disarmed_hands_out_nothing_until_it_is_armed,
                two_persons_arm_where_two_are_needed,
                daemons_show_themselves,
                what_was_handed_over_and_is_not_known_is_unknown,
                a_reminder_that_is_lost_comes_back_under_its_number,
            }
            holds {
                what_is_held_is_in_no_claim_until_it_is_released,
                causes_are_told_apart,
                what_is_held_on_its_way_out_waits_as_well,
                what_expires_while_it_is_held_is_decided_again,
                a_lifted_stop_releases_what_no_other_stops,
                a_notice_that_goes_on_releases_its_messages,
                a_receipt_ends_a_hold,
                a_retry_that_is_held_keeps_its_attempts_and_starts_at_the_first_gateway,
            }
            stops {
                a_stop_holds_for_its_scope_until_it_is_lifted,
                stops_are_listed_and_lifted_one_by_one,
                the_next_claim_sees_a_stop,
            }
            unknowns {
                unknown_ones_are_listed_with_their_story,
                an_unknown_counts_its_times,
                an_unknown_is_looked_at_when_its_time_has_come,
                an_unknown_is_resolved_by_settling_it,
                what_was_resolved_before_the_next_attempt_does_not_touch_it,
            }
            receipts {
                a_receipt_after_the_acceptance_tells_the_end,
                the_later_truth_is_the_better_one,
                an_early_undelivered_stands_when_the_answer_comes,
                an_early_delivered_is_the_end,
                an_early_undelivered_leaves_nothing_unknown,
                an_early_undelivered_is_about_its_own_attempt,
                a_receipt_for_a_planned_retry_proves_that_it_arrived,
                a_receipt_resolves_an_unknown,
                a_receipt_wakes_nothing_that_ended_otherwise,
            }
            reports {
                a_report_finds_its_message_by_either_number,
                an_early_report_is_kept_until_its_message_is_known,
                a_hint_waits_although_its_message_is_known,
                what_is_gone_or_complained_about_is_suppressed,
                an_answer_suppresses_for_the_merchant_that_wrote_last,
                an_answer_of_a_stranger_holds_for_every_merchant,
                an_answer_counts_once_and_the_latest_stands,
                an_answer_lifts_only_what_an_answer_suppressed,
                only_the_address_that_a_report_names_is_suppressed,
                no_list_puts_an_end_to_an_opt_out,
                an_opt_out_is_confirmed_once_where_it_is_wanted,
                suppressions_are_listed_in_pages_and_lifted_one_by_one,
                who_opts_out_again_cancels_the_request_to_end_it,
            }
            replies {
                what_may_be_a_refusal_holds_until_it_is_read,
                a_refusal_that_a_person_reads_suppresses,
                an_answer_of_nobody_known_waits_and_holds_nothing,
            }
            fallbacks {
                without_a_receipt_another_channel_is_tried_in_time,
                a_receipt_in_time_spares_the_other_channel,
                what_did_not_arrive_is_tried_elsewhere_at_once,
                an_early_undelivered_is_tried_elsewhere_at_once,
                an_unknown_that_did_not_arrive_is_tried_elsewhere_at_once,
                an_early_undelivered_without_an_answer_is_tried_elsewhere,
                what_two_copies_may_have_reached_is_not_tried_elsewhere,
                what_failed_is_tried_elsewhere_at_once,
                a_second_is_planned_once,
                only_what_is_falling_back_has_a_second,
                a_first_may_rest_without_a_second,
            }
            notices {
                a_notice_is_kept_once_and_moved_on_record,
                each_borrower_gets_one_message_whatever_breaks_off,
                a_claim_sees_where_a_notice_stands,
                what_is_held_tells_where_fixed_links_led,
                recipients_are_counted_by_the_text_that_they_get,
            }
            routes {
                versions_are_kept_and_the_newest_is_told,
                how_a_route_does_is_the_last_word,
            }
            funnel {
                what_was_sent_is_counted_by_what_decides_about_its_way,
                events_are_counted_in_the_hour_in_which_they_happened,
            }
            preferences {
                the_books_may_wish_and_an_empty_cell_takes_it_back,
                what_people_wish_is_on_record,
                nobody_is_made_up_by_a_wish,
            }
            scans {
                what_changes_within_the_view_is_written_down,
                a_changed_due_date_releases_what_is_held_for_its_books,
                what_changes_no_plan_is_not_written_down,
                a_change_while_others_are_taken_stays,
                marks_follow_what_is_announced,
                what_was_missed_is_on_record,
                a_sole_step_is_planned_on_one_channel,
                a_step_that_waits_changes_its_channel,
                what_waits_gets_its_new_time_and_what_was_tried_keeps_its_own,
                what_cannot_go_on_its_channel_goes_on_another,
                what_the_books_give_back_is_planned_again,
            }
            catch_up {
                after_three_days_each_gets_the_nearest_step,
                what_is_of_no_use_after_a_downtime_is_on_record,
                what_came_in_before_a_downtime_is_on_record,
                a_late_step_gives_way_on_the_day_of_a_nearer_one,
                an_old_ledger_starts_no_storm,
                a_scan_looks_at_what_is_new_or_has_changed,
                a_due_date_that_comes_back_is_reminded_of,
                what_is_disputed_or_written_off_waits_for_the_ledger,
                a_tag_that_came_or_went_changes_the_message,
                overdue_steps_count_from_the_end_of_the_grace,
                a_merchant_that_comes_back_is_reminded_for,
                a_full_check_plans_and_tells_what_was_missed,
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
